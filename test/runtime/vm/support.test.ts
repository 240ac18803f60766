/** The table of what the VM has. */
import { describe, expect, it } from 'vitest'
import { helperNames } from '../../../runtime/kernel/helper-names.js'
import { helperRows } from '../../../runtime/vm/helpers/table.js'
import { supportTable } from '../../../runtime/vm/support.js'

describe('support table', () => {
  it('every helper has the name that the kernel gives to its id', () => {
    for (const { id, name } of helperRows.values()) expect(`${id} ${name}`).toBe(`${id} bpf_${helperNames[id]}`)
  })

  it('lists what is done, partial and not implemented', () => {
    const table = supportTable()
    const count = (kind: string, status: string) => table.filter(row => row.kind === kind && row.status === status).length
    expect(table.filter(row => row.kind === 'helper')).toHaveLength(211)
    expect(count('helper', 'done')).toBeGreaterThan(90)
    expect(count('map', 'done')).toBeGreaterThan(14)
    expect(table.find(row => row.name === 'bpf_sys_close')!.status).toBe('not implemented')
    expect(table.find(row => row.name === 'sockmap')!.status).toBe('done')
    expect(table.every(row => (row.missing !== '') === (row.status === 'partial'))).toBe(true)
  })
})
