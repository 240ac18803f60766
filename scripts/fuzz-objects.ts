/**
 * Feeds damaged objects, BTF, .BTF.ext and assembly text to bpfc's commands (test/support/damaged-inputs.ts), as many as are asked for.
 *
 * usage: node scripts/run-ts.mjs scripts/fuzz-objects.ts [--kind elf|btf|btf-ext|asm] [--from SEED] [--count N] [--limit SECONDS] [--memory MB] [--keep DIR]
 *        [--objects DIR]    objects beside the fixtures and the examples' own (those of up to 128 KB)
 *        [--assembly DIR]   assembly beside the golden files, such as clang writes with -S (files of up to 256 KB)
 *        [--only SEED]      prints that input and what becomes of it
 */
import { damagedInputs, damagedKinds } from '../test/support/damaged-inputs.js'
import { fuzz, fuzzArguments } from './fuzzing.js'

const args = fuzzArguments()
const asked = args.get('kind') ?? 'elf'
const kind = damagedKinds.find(known => known === asked)
if (!kind) throw new Error(`--kind ${asked}: must be one of ${damagedKinds.join(', ')}`)
const [objects, assembly] = [args.get('objects'), args.get('assembly')]
await fuzz(await damagedInputs(kind, { ...(objects !== undefined && { objects }), ...(assembly !== undefined && { assembly }) }))
