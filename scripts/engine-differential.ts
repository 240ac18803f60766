/**
 * Differential test of the VM's two engines: programs generated as instructions (test/runtime/vm/generated-programs.ts), accepted by the verifier, run
 * by the interpreter and as WebAssembly, whose frames hold different bytes before; return values, packets and all maps must be the same.
 *
 * usage: node scripts/run-ts.mjs scripts/engine-differential.ts [--from SEED] [--programs N] [--runs N] [--kernel VERSION]
 * Prints each difference with its program; ends with exit code 1 if there was one. N counts the programs that ran.
 */
import { parseArgs } from 'node:util'
import { kernelProfile } from '../runtime/kernel/profile.js'
import { compareEngines } from '../test/runtime/vm/both-engines.js'

const { values } = parseArgs({
  options: {
    from: { type: 'string', default: '1' },
    programs: { type: 'string', default: '100000' },
    runs: { type: 'string', default: '2' },
    kernel: { type: 'string', default: '6.18' },
  },
})
const kernel = kernelProfile(values.kernel)
if (!kernel) throw new Error(`there is no kernel ${values.kernel}`)
const BATCH = 100
const wanted = Number(values.programs)
const started = performance.now()
let seed = Number(values.from)
let compared = 0
let refused = 0
let different = 0
while (compared < wanted) {
  const result = compareEngines(seed, BATCH, Number(values.runs), kernel)
  seed += BATCH
  compared += result.compared
  refused += result.refused
  different += result.differences.length
  for (const difference of result.differences) console.log(`DIFFERENCE ${difference}\n`)
  if (Math.floor(compared / 2000) > Math.floor((compared - result.compared) / 2000))
    console.error(
      `${compared} compared, ${refused} refused, ${different} differences, ${((performance.now() - started) / 1000).toFixed(0)} s`,
    )
}
console.log(
  `seeds ${values.from} to ${seed - 1}: ${compared} programs accepted and compared, ${values.runs} runs each, ${refused} refused, ${different} differences`,
)
process.exitCode = different > 0 ? 1 : 0
