int f(int a, int b, int *p, struct s *q)
{
  a + b * 2 - 3 % 4 / 5;
  a << 1 | b & 3 ^ 4;
  a < b == b > 2 != (a <= 1) >= 0;
  a && b || !a && ~b;
  a = b = a += 1, b -= 2;
  a ? b : a ? 1 : 2;
  a ? b, 1 : 2 ? 3 : 4;
  a = b ? 1 : 2;
  -+-a; !!a; - -b; ++*p++; --a; a--;
  *p; &a; *&*p; &p[1]; p[a][b];
  q->x; (*q).x; q->y[2].z.w->v;
  f(a, b, p, q)(1)(); f();
  (a); (int)a; (int *)p; (unsigned long)(char)a + 1; (int)-a; (char)(a)[1];
  sizeof a; sizeof(a); sizeof(int); sizeof(int *) * 2; sizeof *p; sizeof sizeof a; _Alignof(int); __alignof__(a);
  1; 0x10ull; 1.5; 'a'; L'b'; "x"; "a" "b" L"c"; u8"d";
  a <<= 1; a >>= 1; a &= 1; a |= 1; a ^= 1; a *= 2; a /= 2; a %= 2;
  a * b + c; a - b - c; a = b, c = d, e;
  __func__; 
  _Generic(a, int: 1, char *: 2, default: 3); _Generic(int, int: 1);
}
