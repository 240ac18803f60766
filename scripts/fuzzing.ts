/**
 * What the scripts that feed damaged inputs to bpfc share: a second thread takes one input after the other, the first watches that none takes
 * too long or too much memory, and keeps one input for each place of failure.
 *
 * arguments: [--from SEED] [--count N] [--limit SECONDS] [--memory MB] [--keep DIR] [--only SEED]
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'

export interface Fuzzer<Input> {
  /** The input of that number, always the same. */
  make(seed: number): Input
  /** Says in a few words what became of it, to be counted; throws where bpfc is wrong. */
  check(input: Input, seed: number): string | Promise<string>
  /** The input as a file to keep. */
  file(input: Input): { readonly extension: string; readonly bytes: Uint8Array }
}

const words: readonly string[] = isMainThread ? process.argv.slice(2) : (workerData as { words: string[] }).words

/** The arguments by name, the same in both threads. */
export function fuzzArguments(): ReadonlyMap<string, string> {
  const args = new Map<string, string>()
  for (let i = 0; i < words.length; i += 2) args.set(words[i]!.slice(2), words[i + 1] ?? '')
  return args
}

/** Where it happened: the message without what varies, and the first frames. */
export function signature(error: unknown): string {
  const { message, stack } = error as Error
  const frames = [...(stack ?? '').matchAll(/^\s+at (\S+)/gm)].slice(0, 3).map(match => match[1])
  return `${message.replace(/\d+|'[^']*'|"[^"]*"/g, '#').slice(0, 100)} at ${frames.join(' < ')}`
}

interface Message {
  readonly kind: 'failure' | 'done'
  readonly seed: number
  readonly signature: string
  readonly stack: string
  readonly outcomes: readonly [string, number][]
}

/** Runs the whole: call it last, in both threads. The exit code is 1 if something failed. */
export async function fuzz<Input>(fuzzer: Fuzzer<Input>): Promise<void> {
  const only = fuzzArguments().get('only')
  if (!isMainThread) await work(fuzzer)
  else if (only !== undefined) await show(fuzzer, Number(only))
  else await supervise(fuzzer)
}

async function work<Input>(fuzzer: Fuzzer<Input>): Promise<void> {
  const { from, to, at } = workerData as { from: number; to: number; at: Int32Array }
  const outcomes = new Map<string, number>()
  for (let seed = from; seed < to; seed++) {
    at[0] = seed
    try {
      const outcome = await fuzzer.check(fuzzer.make(seed), seed)
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
    } catch (error) {
      parentPort!.postMessage({ kind: 'failure', seed, signature: signature(error), stack: (error as Error).stack })
    }
  }
  parentPort!.postMessage({ kind: 'done', outcomes: [...outcomes] })
}

async function show<Input>(fuzzer: Fuzzer<Input>, seed: number): Promise<void> {
  const input = fuzzer.make(seed)
  process.stdout.write(fuzzer.file(input).bytes)
  console.error(await fuzzer.check(input, seed))
}

async function supervise<Input>(fuzzer: Fuzzer<Input>): Promise<void> {
  const args = fuzzArguments()
  const keep = args.get('keep') ?? join(tmpdir(), 'bpfc-fuzz')
  mkdirSync(keep, { recursive: true })
  const from = Number(args.get('from') ?? 1)
  const to = from + Number(args.get('count') ?? 1000)
  const limit = Number(args.get('limit') ?? 20) * 1000
  const memory = Number(args.get('memory') ?? 1000)
  const known = new Map<string, number[]>()
  const outcomes = new Map<string, number>()
  const fail = (seed: number, what: string, detail = ''): void => {
    const seeds = known.get(what)
    if (seeds) seeds.push(seed)
    else {
      known.set(what, [seed])
      console.log(`FAILURE seed ${seed}: ${what}\n${detail.split('\n').slice(0, 8).join('\n')}`)
    }
  }
  const started = Date.now()
  let next = from
  // Typed arrays lie outside V8's heap, so what the process takes is watched too; the two threads' code and seeds are part of it.
  let peak = Math.max(memory, 150) + 100
  while (next < to) {
    next = await new Promise<number>(resolve => {
      const at = new Int32Array(new SharedArrayBuffer(4))
      at[0] = next
      const worker = new Worker(new URL(import.meta.url), {
        workerData: { from: next, to, words, at },
        resourceLimits: { maxOldGenerationSizeMb: memory, stackSizeMb: 4 },
      })
      let seen = next
      let since = Date.now()
      let cpu = process.cpuUsage()
      const timer = setInterval(() => {
        const seed = at[0]!
        const taken = process.resourceUsage().maxRSS / 1024
        if (taken > peak) {
          fail(seed, `${Math.round(taken)} MB of memory, now or in the ${seed - seen} inputs before`)
          peak = taken * 1.1
        }
        if (seed !== seen) {
          if (Math.floor(seed / 1000) !== Math.floor(seen / 1000))
            console.log(`${seed} after ${Math.round((Date.now() - started) / 1000)} s`)
          seen = seed
          since = Date.now()
          cpu = process.cpuUsage()
          return
        }
        const used = process.cpuUsage(cpu)
        // Time on the processor: the machine may be busy with other things.
        if ((used.user + used.system) / 1000 < limit || Date.now() - since < limit) return
        fail(seed, 'hangs')
        finish(seed + 1)
      }, 500)
      const finish = (at: number): void => {
        clearInterval(timer)
        void worker.terminate()
        resolve(at)
      }
      worker.on('message', (message: Message) => {
        if (message.kind === 'failure') fail(message.seed, message.signature, message.stack)
        else {
          for (const [outcome, count] of message.outcomes) outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + count)
          finish(to)
        }
      })
      worker.on('error', error => {
        fail(at[0]!, signature(error), error.stack)
        finish(at[0]! + 1)
      })
    })
  }
  for (const [what, seeds] of known) {
    const { extension, bytes } = fuzzer.file(fuzzer.make(seeds[0]!))
    writeFileSync(join(keep, `${seeds[0]}.${extension}`), bytes)
    console.log(`${seeds.length} times, first seed ${seeds[0]}: ${what}`)
  }
  console.log(`${to - from} inputs in ${Math.round((Date.now() - started) / 1000)} s, ${known.size} places of failure`)
  console.log(
    [...outcomes]
      .sort((a, b) => b[1] - a[1])
      .map(([outcome, count]) => `${count} ${outcome}`)
      .slice(0, 60)
      .join('\n'),
  )
  process.exitCode = known.size ? 1 : 0
}
