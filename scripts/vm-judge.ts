/**
 * The VM against the running kernel, program by program (test/kernel/vm-judge.ts). Needs root and koffi; attaches nothing:
 *   node scripts/run-ts.mjs scripts/vm-judge.ts --objects FOLDER [--filter TEXT] [--list differs,machine,vm,kernel,fault,object,slots]
 */
import { parseArgs } from 'node:util'
import { judgeFolder } from '../test/kernel/vm-judge.js'

const { values } = parseArgs({
  options: { objects: { type: 'string' }, filter: { type: 'string' }, list: { type: 'string' } },
})
if (!values.objects) throw new Error('--objects FOLDER')

for (const [what, lines] of judgeFolder(values.objects, values.filter)) {
  console.log(`${what}: ${lines.length}`)
  if (values.list?.split(',').includes(what)) for (const line of lines) console.log(`  ${line}`)
}
