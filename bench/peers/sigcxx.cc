/* SPDX-License-Identifier: MIT */
/*
 * libsigc++; receivers are lambdas, which the compiler may inline into the slot. It is not made for
 * several threads.
 */
#include "peer.h"

#include <sigc++/sigc++.h>
#include <sigc++config.h>

#include <string>

namespace
{

using fired = sigc::signal<void, const void *, const fired_args &>;

auto adder(long *counter)
{
	return [counter](const void *, const fired_args &args) { *counter += args.amount; };
}

void *signal_new()
{
	return new fired;
}

void connect(void *signal, long *counter)
{
	static_cast<fired *>(signal)->connect(adder(counter));
}

void send_loop(void *state, uint64_t count)
{
	const fired &signal = *static_cast<fired *>(state);

	for (uint64_t i = 0; i < count; i++) {
		signal.emit(nullptr, fired_args{ 1 });
		BENCH_BARRIER();
	}
}

void connect_loop(void *state, uint64_t count)
{
	fired &signal = *static_cast<fired *>(state);

	for (uint64_t i = 0; i < count; i++) {
		sigc::connection connection = signal.connect(adder(work_counters));

		connection.disconnect();
	}
}

} // namespace

int main(int argc, char **argv)
{
	const std::string version = "libsigc++ " + std::to_string(SIGCXX_MAJOR_VERSION) + "." +
				    std::to_string(SIGCXX_MINOR_VERSION) + "." +
				    std::to_string(SIGCXX_MICRO_VERSION);
	const peer peer = {
		"sigcxx",  version.c_str(), signal_new, connect,
		send_loop, connect_loop,    nullptr,    nullptr,
	};

	return peer_main(argc, argv, &peer);
}
