/** `bpfc load`: the running kernel's own verdict, as a second opinion. Loads and closes again; never attaches. */
import { ExitCode } from '../../base/outcome.js'
import { BtfFile } from '../../linker/btf/btf-file.js'
import { prepareObject } from '../../linker/object/prepare.js'
import type { PreparedObject } from '../../linker/object/prepared.js'
import type { PrepareOptions } from '../../linker/object/prepare-options.js'
import { errnoName, type LiveProgram, type LiveVerdict, loadProgram } from '../../runtime/live/load-object.js'
import { LiveUnavailable } from '../../runtime/live/native.js'
import { addChangeFlags, changedByFlags, type ChangeFlags } from '../change-flags.js'
import { kernelBtf } from '../kernel-btf.js'
import { readKernelConfig } from '../kernel-config.js'
import { runningKernel } from '../running-kernel.js'
import type { Subcommand } from '../commands.js'
import { painter } from '../../base/colour.js'
import { objectInput } from './object-input.js'
import { addCompileFlags, readCompileFlags } from './shared-flags.js'

export const loadCommand: Subcommand = {
  name: 'load',
  register(program, context, exit) {
    const command = program
      .command('load')
      .summary('ask the running kernel about an object (root)')
      .description(
        'Loads each program of an object into the running kernel and says what its verifier decided. Needs root, and the optional package koffi.\nPrograms are closed again at once; none is attached.',
      )
      .argument('<files...>', 'BPF objects or C sources')
      .option('--prog <name>', 'only this program')
      .option('--attach-prog <object:program>', 'the program that freplace programs are for; it is loaded too')
      .option('--kconfig <file>', "kernel configuration for .kconfig externs (default: the running kernel's)")
      .option('--log', "print the verifier's log of accepted programs too")
      .option('--log-level <n>', "print the verifier's whole log: bits 1, 2 and 4, added up")
      .option('--format <format>', 'text or json (one object a line)', 'text')
    addCompileFlags(addChangeFlags(command)).action(
      (
        paths: string[],
        values: ChangeFlags & {
          prog?: string
          attachProg?: string
          kconfig?: string
          log?: boolean
          logLevel?: string
          format: string
        },
      ) => {
        const usage = (message: string) => command.error(`error: ${message}`, { exitCode: ExitCode.usage })
        const request = readCompileFlags(values)
        const paint = painter(context.colour)
        const json = values.format === 'json'
        let code: number = ExitCode.ok
        // Types of another kernel are taken alone; the running kernel's come with all that is known of it.
        let known: PrepareOptions | undefined
        const options = (): PrepareOptions => {
          if (known) return known
          const { set, from } = kernelBtf(request.flags.btf)
          const kernel = from === 'the running kernel' && set instanceof BtfFile ? runningKernel(set) : { kernelBtf: set }
          known = values.kconfig === undefined ? kernel : { ...kernel, kconfig: readKernelConfig(values.kconfig) }
          return known
        }
        let target: { readonly prepared: PreparedObject; readonly live: LiveProgram } | undefined
        if (values.attachProg !== undefined) {
          const loaded = loadTarget(values.attachProg)
          if (typeof loaded === 'number') {
            exit(loaded)
            return
          }
          target = loaded
        }
        for (const path of paths) {
          const input = objectInput(path, request, context, json)
          if (typeof input === 'number') {
            code = Math.max(code, input)
            continue
          }
          try {
            const object = changedByFlags(input.object, values)
            if (typeof object === 'string') return usage(`${path}: ${object}`)
            const btf = target?.prepared.btf
            const prepared = prepareObject(object, btf ? { ...options(), attachProgram: btf } : options())
            for (const one of prepared.programs) {
              if (values.prog !== undefined && one.name !== values.prog) continue
              const live = loadProgram(prepared, one, {
                ...(values.logLevel !== undefined && { logLevel: Number(values.logLevel) }),
                ...(target && { attachProgFd: target.live.fd }),
              })
              live.close()
              report(path, live.verdict)
            }
          } catch (error) {
            if (!(error instanceof LiveUnavailable)) throw error
            context.err(`error: the running kernel cannot be asked: ${error.message}\n`)
            code = Math.max(code, ExitCode.notImplemented)
          }
        }
        target?.live.close()
        exit(code)

        /** The loaded program of `OBJECT:PROGRAM`, or an exit code after saying why there is none. */
        function loadTarget(text: string): { prepared: PreparedObject; live: LiveProgram } | number {
          const colon = text.lastIndexOf(':')
          if (colon < 1) {
            context.err(`error: --attach-prog ${text}: must be OBJECT:PROGRAM\n`)
            return ExitCode.usage
          }
          const [path, name] = [text.slice(0, colon), text.slice(colon + 1)]
          const input = objectInput(path, request, context, json)
          if (typeof input === 'number') return input
          const prepared = prepareObject(input.object, options())
          const program = prepared.programs.find(each => each.name === name)
          if (!program) {
            context.err(`error: ${path} has no program ${name}; it has ${prepared.programs.map(each => each.name).join(', ')}\n`)
            return ExitCode.usage
          }
          try {
            const live = loadProgram(prepared, program)
            if (live.verdict.accepted) return { prepared, live }
            report(path, live.verdict)
            return ExitCode.rejected
          } catch (error) {
            if (!(error instanceof LiveUnavailable)) throw error
            context.err(`error: the running kernel cannot be asked: ${error.message}\n`)
            return ExitCode.notImplemented
          }
        }

        function report(path: string, verdict: LiveVerdict): void {
          if (!verdict.accepted) code = Math.max(code, ExitCode.rejected)
          if (json) {
            const message = verdict.before ?? lastLine(verdict.log)
            context.out(
              `${JSON.stringify({ object: path, program: verdict.program, section: verdict.section, kernel: 'running', verdict: verdict.accepted ? 'accepted' : verdict.processed < 0 ? 'undecided' : 'rejected', errno: verdict.errno, processed: verdict.processed, message, ...(values.logLevel !== undefined && { log: verdict.log }) })}\n`,
            )
            return
          }
          const word = verdict.accepted ? paint('green', 'accepted') : paint('red', 'refused')
          const reason = verdict.accepted
            ? `processed ${verdict.processed} instructions`
            : `${errnoName(verdict.errno)}${verdict.before ? `, before the verifier: ${verdict.before}` : ''}`
          context.out(`${path}  ${verdict.program} (${verdict.section})  ${word}  ${reason}\n`)
          // Who asks for a level wants what it says, of accepted programs too.
          const whole = values.log || values.logLevel !== undefined
          if (verdict.log && (whole || !verdict.accepted)) context.out(indent(whole ? verdict.log : tail(verdict.log, 12)))
        }
      },
    )
  },
}

/** The last line before the statistics: what the verifier complained about. */
const lastLine = (log: string): string =>
  log
    .split('\n')
    .filter(line => line !== '' && !/^(processed \d+ insns|verification time|stack depth)/.test(line))
    .pop() ?? ''

const tail = (log: string, count: number): string => log.trimEnd().split('\n').slice(-count).join('\n')
const indent = (text: string): string => `${text.trimEnd().replace(/^/gm, '    ')}\n`
