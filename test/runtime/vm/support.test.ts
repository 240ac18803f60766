/** The table of what the VM has, and docs/vm-coverage.md, which is made of it: `npx vitest run test/runtime/vm/support.test.ts -u`. */
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { NotImplemented } from '../../../base/outcome.js'
import { helperNames } from '../../../runtime/kernel/helper-names.js'
import { helperRows } from '../../../runtime/vm/helpers/table.js'
import { MapType } from '../../../runtime/vm/maps/map.js'
import { supportMarkdown, supportTable } from '../../../runtime/vm/support.js'
import { mapDef, vmOf } from './bare.js'

describe('support table', () => {
  const table = supportTable()

  it('every helper has the name that the kernel gives to its id', () => {
    for (const { id, name } of helperRows.values()) expect(`${id} ${name}`).toBe(`${id} bpf_${helperNames[id]}`)
  })

  it('lists every helper, map type and program type, and says what is missing of the partial ones', () => {
    expect(table.filter(row => row.kind === 'helper')).toHaveLength(211)
    expect(table.filter(row => row.kind === 'map')).toHaveLength(Object.keys(MapType).length)
    expect(table.every(row => (row.missing !== '') === (row.status === 'partial'))).toBe(true)
  })

  it('is what docs/vm-coverage.md says', async () => {
    await expect(supportMarkdown()).toMatchFileSnapshot(join(import.meta.dirname, '../../../docs/vm-coverage.md'))
  })

  it.each(table.filter(row => row.kind === 'helper' && row.status === 'not implemented'))(
    '$name ends a run with an error that names it',
    ({ name }) => {
      const id = helperNames.indexOf(name.replace(/^bpf_/, ''))
      expect(() => vmOf(`call ${id}; exit`).program('main').run()).toThrow(NotImplemented)
      expect(() => vmOf(`call ${id}; exit`).program('main').run()).toThrow(`helper ${name}`)
    },
  )

  it.each(table.filter(row => row.kind === 'map' && row.status !== 'not implemented'))('a $name map can be made', ({ name }) => {
    const type = MapType[name.toUpperCase() as keyof typeof MapType]
    expect(() => vmOf('exit', [mapDef({ name: 'm', type })])).not.toThrow()
  })
})
