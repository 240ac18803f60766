struct event {
	long a, b, c;
};

extern void fill(struct event *event);

/* The one variable that is returned lives where the caller wants it. */
struct event named(long x)
{
	struct event result = {};

	if (!x)
		return result;
	result.a = x;
	fill(&result);
	return result;
}

/* Two that are returned from scopes apart. */
struct event apart(long x)
{
	if (x) {
		struct event first = { 1, 2, x };
		return first;
	} else {
		struct event second = { .c = x };
		return second;
	}
}

/* Another value is returned while `kept` is in scope: it may have to be read for it. */
struct event mixed(long x)
{
	struct event kept = { x };

	fill(&kept);
	if (kept.a)
		return (struct event){ kept.b, kept.a };
	return kept;
}

static void forget(struct event *event)
{
	event->a = 0;
}

/* The cleanup comes after the result is complete. */
struct event cleaned(long x)
{
	__attribute__((cleanup(forget))) struct event result = { x };

	return result;
}

struct event of_parameter(struct event given)
{
	given.a++;
	return given;
}
