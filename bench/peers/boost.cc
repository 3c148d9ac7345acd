/* SPDX-License-Identifier: MIT */
/*
 * Boost.Signals2 with its usual mutex; receivers are lambdas, which the compiler may inline into
 * the slot.
 */
#include "peer.h"

#include <boost/signals2.hpp>
#include <boost/version.hpp>

#include <string>

namespace
{

using fired = boost::signals2::signal<void(const void *, const fired_args &)>;
using counted = boost::signals2::signal<void(const void *, const counted_args &)>;

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
	fired &signal = *static_cast<fired *>(state);

	for (uint64_t i = 0; i < count; i++) {
		signal(nullptr, fired_args{ 1 });
		BENCH_BARRIER();
	}
}

void connect_loop(void *state, uint64_t count)
{
	fired &signal = *static_cast<fired *>(state);

	for (uint64_t i = 0; i < count; i++)
		signal.connect(adder(work_counters)).disconnect();
}

void *counted_new()
{
	auto *signal = new counted;

	signal->connect([](const void *, const counted_args &args) { *args.counter += 1; });
	return signal;
}

void count_loop(void *state, uint64_t count)
{
	const auto *thread = static_cast<peer_thread_state *>(state);
	counted &signal = *static_cast<counted *>(thread->signal);

	for (uint64_t i = 0; i < count; i++) {
		signal(nullptr, counted_args{ thread->counter });
		BENCH_BARRIER();
	}
}

} // namespace

int main(int argc, char **argv)
{
	const std::string version = "Boost.Signals2 " + std::to_string(BOOST_VERSION / 100000) +
				    "." + std::to_string(BOOST_VERSION / 100 % 1000);
	const peer peer = {
		"boost",   version.c_str(), signal_new,  connect,
		send_loop, connect_loop,    counted_new, count_loop,
	};

	return peer_main(argc, argv, &peer);
}
