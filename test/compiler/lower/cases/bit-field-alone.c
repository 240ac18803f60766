/* An initialiser of only the first bit field clears the rest of the unit, though the unit is as large as the struct. */
struct flags { unsigned short low : 7; short high : 2; };
int alone(int x)
{
	struct flags none = { 0 }, some = { x };
	return none.low + none.high + some.low + some.high;
}
