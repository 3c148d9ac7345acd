/* SPDX-License-Identifier: MIT */
/*
 * Qt signals with direct connections to lambdas. One object is the context of all of them: a
 * receiver object is not part of a connection.
 */
#include "qt5.h"

#include "peer.h"

#include <string>

namespace
{

QObject *context()
{
	static QObject object;

	return &object;
}

auto adder(long *counter)
{
	return [counter](const fired_args *args) { *counter += args->amount; };
}

void *signal_new()
{
	return new Bell;
}

void connect(void *signal, long *counter)
{
	QObject::connect(static_cast<Bell *>(signal), &Bell::fired, context(), adder(counter),
			 Qt::DirectConnection);
}

void send_loop(void *state, uint64_t count)
{
	Bell &bell = *static_cast<Bell *>(state);

	for (uint64_t i = 0; i < count; i++) {
		const fired_args args = { 1 };

		emit bell.fired(&args);
		BENCH_BARRIER();
	}
}

void connect_loop(void *state, uint64_t count)
{
	Bell *bell = static_cast<Bell *>(state);

	for (uint64_t i = 0; i < count; i++)
		QObject::disconnect(QObject::connect(bell, &Bell::fired, context(),
						     adder(work_counters), Qt::DirectConnection));
}

void *counted_new()
{
	Bell *bell = new Bell;

	QObject::connect(
		bell, &Bell::counted, context(),
		[](const counted_args *args) { *args->counter += 1; }, Qt::DirectConnection);
	return bell;
}

void count_loop(void *state, uint64_t count)
{
	const auto *thread = static_cast<peer_thread_state *>(state);
	Bell &bell = *static_cast<Bell *>(thread->signal);

	for (uint64_t i = 0; i < count; i++) {
		const counted_args args = { thread->counter };

		emit bell.counted(&args);
		BENCH_BARRIER();
	}
}

} // namespace

int main(int argc, char **argv)
{
	const std::string version = std::string("Qt ") + qVersion();
	const peer peer = {
		"qt5",     version.c_str(), signal_new,  connect,
		send_loop, connect_loop,    counted_new, count_loop,
	};

	return peer_main(argc, argv, &peer);
}
