/* SPDX-License-Identifier: MIT */
/*
 * A VFS between SQLite and the files: the Nth write, sync, truncate or open fails, alone or with all after it; and a
 * function is called at the point of a checkpoint at which SQLite before 3.51.3 can be overtaken by a writer.
 */
#ifndef PEAL_TEST_DB_SHIM_H
#define PEAL_TEST_DB_SHIM_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

static struct {
	sqlite3_vfs *real;
	int countdown; /* 0: nothing fails */
	bool sticky;
	bool full; /* the disk is full; else input and output errors */
	int failed;
	void (*in_checkpoint)(void); /* called once */
} shim;

struct shim_file {
	sqlite3_file base;
	sqlite3_io_methods methods; /* the real file's, but for some */
	const sqlite3_io_methods *real;
	sqlite3_int64 file[]; /* the real one */
};

static bool shim_fails(void)
{
	if (!shim.countdown || --shim.countdown)
		return false;
	if (shim.sticky)
		shim.countdown = 1;
	shim.failed++;
	return true;
}

static struct shim_file *shim_of(sqlite3_file *file)
{
	return (struct shim_file *)file;
}

static sqlite3_file *shim_real(sqlite3_file *file)
{
	return (sqlite3_file *)shim_of(file)->file;
}

#define SHIM_PASS(name_, parameters_, ...)                                    \
	static int shim_##name_ parameters_                                   \
	{                                                                     \
		return shim_of(f)->real->x##name_(shim_real(f), __VA_ARGS__); \
	}

static int shim_Close(sqlite3_file *f)
{
	return shim_of(f)->real->xClose(shim_real(f));
}

static int shim_Write(sqlite3_file *f, const void *data, int size, sqlite3_int64 at)
{
	if (shim_fails())
		return shim.full ? SQLITE_FULL : SQLITE_IOERR_WRITE;
	return shim_of(f)->real->xWrite(shim_real(f), data, size, at);
}

static int shim_Truncate(sqlite3_file *f, sqlite3_int64 size)
{
	return shim_fails() ? SQLITE_IOERR_TRUNCATE
			    : shim_of(f)->real->xTruncate(shim_real(f), size);
}

static int shim_Sync(sqlite3_file *f, int flags)
{
	return shim_fails() ? SQLITE_IOERR_FSYNC : shim_of(f)->real->xSync(shim_real(f), flags);
}

static int shim_Unfetch(sqlite3_file *f, sqlite3_int64 at, void *page)
{
	void (*call)(void) = shim.in_checkpoint;

	if (call && at == 0 && !page) {
		shim.in_checkpoint = NULL;
		call();
	}
	return shim_of(f)->real->xUnfetch(shim_real(f), at, page);
}

#define F sqlite3_file *f
SHIM_PASS(Read, (F, void *data, int size, sqlite3_int64 at), data, size, at)
SHIM_PASS(FileSize, (F, sqlite3_int64 *size), size)
SHIM_PASS(Lock, (F, int level), level)
SHIM_PASS(Unlock, (F, int level), level)
SHIM_PASS(CheckReservedLock, (F, int *result), result)
SHIM_PASS(FileControl, (F, int what, void *argument), what, argument)
SHIM_PASS(ShmMap, (F, int page, int size, int extend, void volatile **at), page, size, extend, at)
SHIM_PASS(ShmLock, (F, int offset, int n, int flags), offset, n, flags)
SHIM_PASS(ShmUnmap, (F, int unlink), unlink)
SHIM_PASS(Fetch, (F, sqlite3_int64 at, int size, void **page), at, size, page)

static int shim_SectorSize(F)
{
	return shim_of(f)->real->xSectorSize(shim_real(f));
}

static int shim_DeviceCharacteristics(F)
{
	return shim_of(f)->real->xDeviceCharacteristics(shim_real(f));
}

static void shim_ShmBarrier(F)
{
	shim_of(f)->real->xShmBarrier(shim_real(f));
}
#undef F

static int shim_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *ret_flags)
{
	struct shim_file *file = shim_of(f);
	int code;

	(void)vfs;
	f->pMethods = NULL;
	if (shim_fails())
		return SQLITE_CANTOPEN;
	code = shim.real->xOpen(shim.real, name, shim_real(f), flags, ret_flags);
	file->real = shim_real(f)->pMethods;
	if (!file->real)
		return code;
	file->methods = (sqlite3_io_methods){
		.iVersion = file->real->iVersion,
		.xClose = shim_Close,
		.xRead = shim_Read,
		.xWrite = shim_Write,
		.xTruncate = shim_Truncate,
		.xSync = shim_Sync,
		.xFileSize = shim_FileSize,
		.xLock = shim_Lock,
		.xUnlock = shim_Unlock,
		.xCheckReservedLock = shim_CheckReservedLock,
		.xFileControl = shim_FileControl,
		.xSectorSize = shim_SectorSize,
		.xDeviceCharacteristics = shim_DeviceCharacteristics,
		.xShmMap = shim_ShmMap,
		.xShmLock = shim_ShmLock,
		.xShmBarrier = shim_ShmBarrier,
		.xShmUnmap = shim_ShmUnmap,
		.xFetch = shim_Fetch,
		.xUnfetch = shim_Unfetch,
	};
	f->pMethods = &file->methods;
	return code;
}

/* From now on all files are opened through it. */
static void shim_install(void)
{
	static sqlite3_vfs vfs;

	shim.real = sqlite3_vfs_find(NULL);
	vfs = *shim.real;
	vfs.zName = "shim";
	vfs.szOsFile += (int)sizeof(struct shim_file);
	vfs.xOpen = shim_open;
	sqlite3_vfs_register(&vfs, 1);
}

#endif
