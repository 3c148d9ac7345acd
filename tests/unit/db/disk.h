/* SPDX-License-Identifier: MIT */
/*
 * A disk of a given size: a file system in memory where one can be mounted, and else a quota, which SQLite's writes are
 * checked against. Only the process of the test sees it.
 */
#ifndef PEAL_TEST_DB_DISK_H
#define PEAL_TEST_DB_DISK_H

#include "pealtest.h"

#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <sqlite3.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static struct {
	const char *folder;
	bool mounted;
	int64_t quota; /* bytes of all files together; -1: no limit */
	ssize_t (*pwrite)(int fd, const void *data, size_t size, off_t at);
	int (*ftruncate)(int fd, off_t size);
} disk;

static int64_t disk_used(void)
{
	DIR *folder = opendir(disk.folder);
	struct dirent *entry;
	struct statvfs fs;
	struct stat status;
	int64_t used = 0;

	if (disk.mounted) {
		closedir(folder);
		T_SYS(statvfs(disk.folder, &fs));
		return (int64_t)((fs.f_blocks - fs.f_bfree) * fs.f_frsize);
	}
	while ((entry = readdir(folder)))
		if (entry->d_name[0] != '.' &&
		    stat(test_path(disk.folder, entry->d_name), &status) == 0)
			used += status.st_size;
	closedir(folder);
	return used;
}

static bool disk_refuses(int fd, off_t end)
{
	struct stat status;

	if (disk.quota < 0 || fstat(fd, &status) != 0 || end <= status.st_size ||
	    disk_used() + end - status.st_size <= disk.quota)
		return false;
	errno = ENOSPC;
	return true;
}

static ssize_t disk_pwrite(int fd, const void *data, size_t size, off_t at)
{
	return disk_refuses(fd, at + (off_t)size) ? -1 : disk.pwrite(fd, data, size, at);
}

static int disk_ftruncate(int fd, off_t size)
{
	return disk_refuses(fd, size) ? -1 : disk.ftruncate(fd, size);
}

static void disk_watch(void)
{
	sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
	/* One of the two is what SQLite was built with. */
	const char *name = vfs->xGetSystemCall(vfs, "pwrite64") ? "pwrite64" : "pwrite";
	sqlite3_syscall_ptr old = vfs->xGetSystemCall(vfs, name);

	memcpy(&disk.pwrite, &old, sizeof(old));
	old = vfs->xGetSystemCall(vfs, "ftruncate");
	memcpy(&disk.ftruncate, &old, sizeof(old));
	vfs->xSetSystemCall(vfs, name, (sqlite3_syscall_ptr)disk_pwrite);
	vfs->xSetSystemCall(vfs, "ftruncate", (sqlite3_syscall_ptr)disk_ftruncate);
}

/* A folder on the new disk. */
static const char *disk_begin(bool mounted)
{
	disk.folder = test_tmpdir();
	disk.quota = -1;
	disk.mounted = mounted && unshare(CLONE_NEWNS) == 0 &&
		       mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
		       mount("none", disk.folder, "tmpfs", 0, "size=16m") == 0;
	if (!disk.mounted)
		disk_watch();
	return disk.folder;
}

static void disk_end(void)
{
	disk.quota = -1;
	if (disk.mounted)
		T_SYS(umount2(disk.folder, MNT_DETACH));
}

/* From now on there is room for so many more bytes. */
static void disk_room(int64_t bytes)
{
	char size[64];

	disk.quota = disk_used() + bytes;
	if (!disk.quota)
		disk.quota = 1; /* of a file system 0 is no limit */
	snprintf(size, sizeof(size), "size=%lld", (long long)disk.quota);
	if (disk.mounted)
		T_SYS(mount("none", disk.folder, "tmpfs", MS_REMOUNT, size));
}

#endif
