typedef int T;
int f(int a)
{
  __label__ x, y;
  a ?: 1;
  ({ int b = a; b + 1; });
  int c = ({ a; }) + ({ goto out; 1; });
  &&out; goto *a;
  __extension__ (1 + 2); __extension__ ({ 1; });
  __real__ a; __imag__ a;
  __builtin_offsetof(struct s, a.b[2].c); __builtin_offsetof(T, x);
  __builtin_types_compatible_p(int, T *); __builtin_choose_expr(1, a, 2);
  __builtin_va_arg(list, int *);
  __builtin_preserve_access_index(&a); __builtin_preserve_type_info(*(typeof(T) *)0, 1);
  __builtin_btf_type_id(*(struct s *)0, 1); __builtin_bit_cast(int, a); __builtin_expect(!!(a), 1);
  (struct s){ 1, 2 }.x; ((T){ 3 });
  switch (a) { case 1 ... 3: case 'a' ... 'z': break; }
  out: __attribute__((unused)); return 0;
}
