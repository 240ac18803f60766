/** How the list is run: what is left out because it would find nothing, and what is given up on the way. */
import { describe, expect, it } from 'vitest'
import { DiagnosticSink } from '../../../base/diagnostics.js'
import { readModule } from '../../../compiler/ir/read.js'
import { runPasses } from '../../../compiler/passes/pass-list.js'
import { testOptions } from './test-options.js'

function run(text: string) {
  const { module } = readModule(text)
  const ran: string[] = []
  runPasses(module, testOptions(), new DiagnosticSink(), (pass, func) => {
    if (func) ran.push(`${func.name} ${pass.name}`)
  })
  return { functions: module.funcs.map(func => func.name), ran }
}

describe('the list of passes', () => {
  it('runs a pass once on a function that it does not change', () => {
    const { ran } = run('func @plain(%0: i64) -> i64 {\nb0:\n  ret %0\n}\n')
    expect(ran).toContain('plain gvn')
    expect(ran).toHaveLength(new Set(ran).size)
  })

  it('gives up a static function with its last call, and keeps one whose address goes elsewhere', () => {
    const { functions } = run(`func @once(%0: i64) -> i64 local {
b0:
  %1: i64 = add %0, i64 1
  ret %1
}
func @named(%0: i64) -> i64 local {
b0:
  %1: i64 = add %0, i64 2
  ret %1
}
func @user(%0: i64) -> ptr {
b0:
  %1: i64 = call @once(%0)
  %2: i64 = call @named(%1)
  %3: i1 = icmp eq %2, i64 7
  condbr %3, b1(@named), b1(ptr 0)
b1(%4: ptr):
  ret %4
}
`)
    expect(functions).toEqual(['named', 'user'])
  })
})
