/** `bpfc test`: cases in JSON beside a program, run in the bundled VM; a report as text, JSON or JUnit, and coverage of the C source. */
import { readdirSync } from 'node:fs'
import { basename, dirname, join, relative } from 'node:path'
import { type Loaded, load } from '../../api/load.js'
import { ExitCode } from '../../base/outcome.js'
import { MapError } from '../../runtime/vm/map-access.js'
import { coverageTable, lcov, type ProgramCoverage, sumRuns } from '../../runtime/vm/coverage.js'
import { readInput } from '../read-input.js'
import type { Subcommand } from '../commands.js'
import type { CliContext } from '../context.js'
import { kernelBtf } from '../kernel-btf.js'
import { type CaseResult, junit, textReport } from '../report/test-report.js'
import { parseTestFile, runCase, type TestFile } from '../test-cases.js'
import { worst } from '../exit-codes.js'
import { objectInput } from './object-input.js'
import { addCompileFlags, type CompileRequest, readCompileFlags } from './shared-flags.js'

interface TestFlags {
  format: string
  coverage?: string
  coverageFile: string
}

const SUFFIX = '.test.json'

export const testCommand: Subcommand = {
  name: 'test',
  register(program, context, exit) {
    const command = program
      .command('test')
      .summary('run test cases in the bundled VM')
      .description(
        `Runs the cases of NAME${SUFFIX}: each starts with fresh maps, runs a program on packets, and compares verdicts, packets, maps and events.\nThe program is NAME.bpf.c beside it, or what "source" says. Without files: all ${SUFFIX} below this folder.`,
      )
      .argument('[files...]', `files of cases (*${SUFFIX})`)
      .option('--format <format>', 'text, json (one object a line for each case) or junit', 'text')
      .option('--coverage <format>', 'count lines and branches of the C source: text (a table) or lcov (a file)')
      .option('--coverage-file <file>', 'where the lcov file goes', 'lcov.info')
    addCompileFlags(command).addHelpText(
      'after',
      '\nA case:\n  { "name": "drops a blocked source", "maps": { "blocked": [[{ "length": 24, "address": "10.0.0.0" }, 1]] },\n    "runs": [{ "packet": { "tcp": { "src": "10.0.0.7" } }, "verdict": "XDP_DROP" }],\n    "expect": { "maps": { "counters": [[1, 1]] } } }\n\nExamples:\n  bpfc test\n  bpfc test fw.test.json --coverage text\n  bpfc test --format junit > report.xml',
    )
    command.action(async (files: string[], values: TestFlags) => {
      const usage = (message: string) => command.error(`error: ${message}`, { exitCode: ExitCode.usage })
      if (!['text', 'json', 'junit'].includes(values.format))
        return usage(`--format ${values.format}: must be text, json or junit`)
      if (values.coverage !== undefined && values.coverage !== 'text' && values.coverage !== 'lcov')
        return usage(`--coverage ${values.coverage}: must be text or lcov`)
      const paths = files.length > 0 ? files : findFiles(context.cwd)
      if (paths.length === 0) return usage(`no *${SUFFIX} below this folder; name the files`)
      const request = readCompileFlags(values)
      const results: CaseResult[] = []
      const coverage: ProgramCoverage[] = []
      const codes: number[] = []
      for (const path of paths) {
        const made = await runFile(path, request, values.coverage !== undefined, context)
        if (typeof made === 'number') {
          codes.push(made)
          continue
        }
        results.push(...made.results)
        coverage.push(...sumRuns(made.coverage))
      }
      if (values.format === 'json') for (const result of results) context.out(`${JSON.stringify(result)}\n`)
      else context.out(values.format === 'junit' ? junit(results) : textReport(results, context.colour))
      if (results.some(result => result.problems.length > 0)) codes.push(ExitCode.rejected)
      if (values.coverage === 'text')
        (values.format === 'text' ? context.out : context.err).call(context, `\n${coverageTable(coverage)}`)
      if (values.coverage === 'lcov') {
        const problem = context.write(values.coverageFile, lcov(coverage))
        if (problem) {
          context.err(`error[D0005]: ${problem}\n`)
          codes.push(ExitCode.rejected)
        }
      }
      exit(worst(codes))
    })
  },
}

/** Test files below a folder, in order of their paths; folders of packages and hidden ones are left out. */
function findFiles(folder: string): string[] {
  const found: string[] = []
  const walk = (at: string) => {
    for (const entry of readdirSync(at, { withFileTypes: true })) {
      const path = join(at, entry.name)
      if (entry.isDirectory() && entry.name !== 'node_modules' && !entry.name.startsWith('.')) walk(path)
      else if (entry.isFile() && entry.name.endsWith(SUFFIX)) found.push(relative(folder, path))
    }
  }
  walk(folder)
  return found.sort()
}

interface FileRun {
  readonly results: CaseResult[]
  readonly coverage: ProgramCoverage[]
}

/** All cases of a file, or an exit code after saying why it could not be used. */
async function runFile(path: string, request: CompileRequest, counts: boolean, context: CliContext): Promise<FileRun | number> {
  const bytes = readInput(path, context)
  if (typeof bytes === 'number') return bytes
  let file: TestFile
  try {
    file = parseTestFile(new TextDecoder().decode(bytes))
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof RangeError)) throw error
    context.err(`error: ${path}: ${error.message}\n`)
    return ExitCode.rejected
  }
  const source = join(dirname(path), file.source ?? basename(path).replace(SUFFIX, '.bpf.c'))
  const input = objectInput(source, request, context)
  if (typeof input === 'number') return input
  const results: CaseResult[] = []
  const coverage: ProgramCoverage[] = []
  for (const each of file.cases) {
    const start = performance.now()
    let loaded: Loaded
    try {
      loaded = await load(input.bytes, {
        verify: false,
        coverage: counts,
        kernelBtf: kernelBtf(request.flags.btf).set,
        ...each.load,
        ...each.env,
      })
    } catch (error) {
      // A name that the object does not have, or a map that no kernel makes.
      if (!(error instanceof RangeError || error instanceof MapError)) throw error
      results.push({ file: path, name: each.name, problems: [error.message], ms: 0 })
      continue
    }
    const problems = runCase(each, loaded)
    results.push({ file: path, name: each.name, problems, ms: Number((performance.now() - start).toFixed(1)) })
    if (counts)
      for (const program of loaded.vm.prepared.programs)
        if (program.fault === undefined) coverage.push(loaded.vm.program(program.name).coverage)
  }
  return { results, coverage }
}
