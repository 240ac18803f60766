/** Many random programs in one source, for bpfc, for clang and, with a main function, for the machine itself. */
import { type Features, ProgramWriter } from './random-c.js'

export type Inputs = readonly (readonly [bigint, bigint])[]

/** What each program is run on, one after the other; static variables keep their values between. */
export const inputs: Inputs = [
  [0n, 0n],
  [0xffff_ffff_ffff_ffffn, 5n],
  [0x1234_5678_9abc_def0n, 0xfedc_ba98_7654_3210n],
  [7n, 0x8000_0000n],
]

const prelude = `typedef unsigned char u8; typedef signed char i8; typedef unsigned short u16; typedef short i16;
typedef unsigned int u32; typedef int i32; typedef unsigned long long u64; typedef long long i64;
#ifdef REFERENCE
#define PROGRAM(n)
#else
struct io { u64 a, b, result; };
volatile struct io io __attribute__((section(".data.io")));
char _license[] __attribute__((section("license"), used)) = "GPL";
#define PROGRAM(n) __attribute__((section("tc"), used)) int prog_##n(void *ctx) { io.result = test_##n(io.a, io.b); return 0; }
#endif
`

/** The text of one program, by its seed. */
export function program(seed: number, features: Features): string {
  return new ProgramWriter(seed, String(seed), features).write()
}

/** Programs as a source for BPF; each has a function `prog_SEED`. */
export function source(programs: readonly string[]): string {
  return prelude + programs.join('\n')
}

/** The same with a main function that prints `SEED RESULT…` a line. */
export function reference(seeds: readonly number[], programs: readonly string[]): string {
  return `#define REFERENCE 1\n#include <stdio.h>\n#include <sys/wait.h>\n#include <unistd.h>\n${source(programs)}\n${mainFunction(seeds)}`
}

export function mainFunction(seeds: readonly number[]): string {
  const rows = inputs.map(([a, b]) => `{ 0x${a.toString(16)}ull, 0x${b.toString(16)}ull }`).join(', ')
  const calls = seeds.map(seed => `  run(${seed}, test_${seed});`).join('\n')
  return `static void run(int seed, u64 (*test)(u64, u64))
{
  static const u64 inputs[][2] = { ${rows} };
  u64 results[${inputs.length}];
  /* One that never ends has no result, and the others have theirs. */
  if (fork() != 0) {
    wait(0);
    return;
  }
  alarm(2);
  for (int i = 0; i < ${inputs.length}; i++)
    results[i] = test(inputs[i][0], inputs[i][1]);
  dprintf(1, "%d", seed);
  for (int i = 0; i < ${inputs.length}; i++)
    dprintf(1, " %llx", results[i]);
  dprintf(1, "\\n");
  _exit(0);
}
int main(void)
{
${calls}
}
`
}
