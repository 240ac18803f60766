asm(".globl x");
int f(int a, long *p)
{
  asm("nop");
  asm volatile("" ::: "memory");
  __asm__ __volatile__("r0 = %0" : "=r"(a));
  asm("%[out] = %[in]" : [out] "=&r"(a), "+r"(*p) : [in] "i"(1 + 2), "0"(a) : "r1", "memory");
  asm volatile("a" "b\n\t" : : "r"(a));
  asm goto("if %0 goto %l[out]" :: "r"(a) :: out, two);
  asm volatile inline("x" : : : );
two:
out:
  return a;
}
__attribute__((naked)) void g(void) { asm volatile("r0 = 0;\n" "exit;\n" ::: "r0"); }
