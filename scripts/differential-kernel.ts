/** Runs the programs of a prepared batch in the running kernel by BPF_PROG_TEST_RUN. Nothing is attached. */
import type { PreparedObject } from '../linker/object/prepared.js'
import { mapLookup, mapUpdate } from '../runtime/live/bpf-syscall.js'
import { loadProgram } from '../runtime/live/load-object.js'
import { inputs } from '../test/differential/batch.js'
import { ioBytes, ioMap, ioResult, type Results } from '../test/differential/run-object.js'

export interface KernelRuns {
  readonly results: Results
  /** A line for each program that the kernel did not load. */
  readonly refused: readonly string[]
}

/** The last lines of every log, whatever the verdict. */
const STATISTICS = /^(verification time|stack depth|processed) /

export function runInKernel(prepared: PreparedObject): KernelRuns {
  const results: Results = new Map()
  const refused: string[] = []
  const io = ioMap(prepared)
  const key = new Uint8Array(4)
  for (const program of prepared.programs) {
    const loaded = loadProgram(prepared, program)
    if (!loaded.verdict.accepted) {
      const lines = loaded.verdict.log.trim().split('\n')
      refused.push(
        `${program.name}: ${
          loaded.verdict.before ??
          lines
            .filter(line => !STATISTICS.test(line))
            .slice(-3)
            .join(' | ')
        }`,
      )
      continue
    }
    const map = loaded.maps[io]!
    const words: string[] = []
    for (const input of inputs) {
      mapUpdate(map, key, ioBytes(input))
      const { error } = loaded.run({ data: new Uint8Array(64) })
      const value = mapLookup(map, key, 24)
      words.push(error || typeof value === 'number' ? `error ${error || value}` : ioResult(value))
    }
    results.set(program.name.replace('prog_', ''), words.join(' '))
    loaded.close()
  }
  return { results, refused }
}
