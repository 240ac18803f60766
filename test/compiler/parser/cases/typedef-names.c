typedef int T;
T T1; T (T2); T *T3;
int f(T, T x, int T);
struct s { T T; T : 3; unsigned T4 : 2; };
enum e { E };
int g(T a)
{
  T x = (T)1 * sizeof(T);
  int y = T3 * a;
  T * z;
  {
    int T = 2;
    T * x;
    x = (T) + 1;
    { typedef long T; T w; }
  }
  T: goto T;
  T last = T1;
  for (int T = 0; T < 3; T++) T * T;
  T after;
  s.T = p->T;
  return ((T)(T3))[0];
}
int h(int T) { return T * T; }
int i(void) { enum { T = 3 }; return T * 2; }
int j(T (*p)(T T));
T k(T) ;
