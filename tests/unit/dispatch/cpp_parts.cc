/* SPDX-License-Identifier: MIT */
/* The C++ half of test_cpp.c: a receiver that throws, and senders that catch. */
#include "cpp_parts.h"

#include <string>

namespace
{

/* Its destructor shows that the stack is unwound. */
struct counted {
	int *count;
	explicit counted(int *where) : count(where)
	{
		++*count;
	}
	~counted()
	{
		--*count;
	}
};

int alive;

int receive(struct peal_call *call, const struct thrown_args *args)
{
	counted here(&alive);

	(void)call;
	if (args->number != 0)
		throw std::string(static_cast<size_t>(args->number), 'x');
	return 0;
}

int nest(struct peal_call *call, const struct thrown_args *args)
{
	counted here(&alive);
	struct thrown_args inner = { args->number };

	return thrown_send(call->user, &inner);
}

struct peal_connection connection_of(void *user, const void *sender)
{
	struct thrown_receiver receiver = {};

	receiver.receiver = receive;
	receiver.user = user;
	receiver.sender = sender;
	return thrown_connection(&receiver, "cpp_parts.cc:1:receive");
}

int send_once(enum cpp_way way, const void *sender, const struct thrown_args *args)
{
	struct peal_results results = {};
	struct thrown_receiver outer = {};
	struct peal_handle handle;
	int code;

	switch (way) {
	case CPP_COLLECT:
		try {
			code = thrown_send_with(sender, args, PEAL_SEND_ALL, &results, nullptr);
		} catch (...) {
			peal_results_fini(&results);
			throw;
		}
		peal_results_fini(&results);
		return code;
	case CPP_NESTED:
		outer.receiver = nest;
		outer.user = const_cast<void *>(sender);
		outer.sender = &outer;
		outer.ret_handle = &handle;
		code = peal_connect_described(&thrown, thrown_connection(&outer, "cpp:1:nest"));
		if (code != PEAL_OK)
			return code;
		try {
			code = thrown_send(&outer, args);
		} catch (...) {
			code = peal_disconnect(handle);
			if (code != PEAL_OK)
				return -100;
			throw;
		}
		return peal_disconnect(handle) == PEAL_OK ? code : -100;
	default:
		return thrown_send(sender, args);
	}
}

} // namespace

int cpp_connect(void *user, void (*release)(void *user), const void *sender, bool longer)
{
	struct peal_connection connection = connection_of(user, sender);

	connection.release = release;
	if (longer)
		connection.args_size = 100;
	return peal_connect(&thrown, &connection);
}

int cpp_disconnect(void *user, const void *sender)
{
	return peal_disconnect_like(&thrown, connection_of(user, sender), true);
}

int cpp_send(enum cpp_way way, const void *sender, int number)
{
	struct thrown_args args = { number };

	try {
		int code = send_once(way, sender, &args);

		return alive ? -1000 : code;
	} catch (const std::string &text) {
		return alive ? -1000 : static_cast<int>(text.size());
	}
}
