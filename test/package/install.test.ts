/** The package as a user gets it: packed, installed into an empty project, run. Uses the dist/ that `npm ci` built. */
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const root = resolve(import.meta.dirname, '../..')
const folder = mkdtempSync(join(tmpdir(), 'bpfc-package-'))
const npm = (args: string[], cwd: string) =>
  execFileSync('npm', args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })

describe('the package', () => {
  let files: string[]

  beforeAll(() => {
    if (!existsSync(join(root, 'dist/bpfc.cjs'))) throw new Error('dist/ is missing: `npm ci` or `npm run build` makes it')
    const [packed] = JSON.parse(npm(['pack', '--json', '--ignore-scripts', '--pack-destination', folder], root)) as [
      { filename: string; files: { path: string }[] },
    ]
    files = packed.files.map(file => file.path)
    writeFileSync(join(folder, 'package.json'), '{"name":"user","private":true,"type":"module"}')
    npm(['install', '--ignore-scripts', '--no-audit', '--no-fund', '--omit=optional', join(folder, packed.filename)], folder)
    writeFileSync(
      join(folder, 'p.bpf.c'),
      '__attribute__((section("xdp"), used)) int p(void *ctx) { return 2; }\nchar l[] __attribute__((section("license"), used)) = "GPL";\n',
    )
  }, 180_000)

  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  it('holds what a user needs and no sources', () => {
    const tops = [...new Set(files.map(file => file.split('/')[0]))].sort()
    expect(tops).toEqual(['LICENSE', 'README.md', 'dist', 'docs', 'package.json', 'plugins'])
    expect(files.filter(file => file.startsWith('plugins/'))).toEqual(['plugins/modules.d.ts'])
    expect(files).toContain('dist/types/index.d.ts')
    expect(files.filter(file => file.endsWith('.ts') && !file.endsWith('.d.ts'))).toEqual([])
  })

  it('installs both commands, which compile', () => {
    const built = spawnSync(join(folder, 'node_modules/.bin/bpfc'), ['build', 'p.bpf.c'], { cwd: folder, encoding: 'utf8' })
    expect([built.stderr, built.status]).toEqual(['', 0])
    expect(readFileSync(join(folder, 'p.bpf.o')).subarray(1, 4).toString()).toBe('ELF')
    const clang = spawnSync(
      join(folder, 'node_modules/.bin/bpfc-clang'),
      ['-target', 'bpf', '-O2', '-g', '-c', 'p.bpf.c', '-o', 'q.o'],
      { cwd: folder, encoding: 'utf8' },
    )
    expect([clang.stderr, clang.status]).toEqual(['', 0])
    expect(existsSync(join(folder, 'q.o'))).toBe(true)
  })

  it('keeps a code cache of its own where the one that came with it is not for this Node', () => {
    const dist = join(folder, 'node_modules/bpfc/dist')
    const caches = () => readdirSync(dist).filter(name => /^bpfc-build\.v.*\.cache$/.test(name))
    const build = () => spawnSync(join(folder, 'node_modules/.bin/bpfc'), ['build', 'p.bpf.c'], { cwd: folder, encoding: 'utf8' })
    expect(caches()).toEqual([])
    writeFileSync(join(dist, 'bpfc-build.cache'), 'of another version')
    expect(build().status).toBe(0)
    expect(caches()).toHaveLength(1)
    const [made] = caches().map(name => statSync(join(dist, name)).mtimeMs)
    expect([build().status, ...caches().map(name => statSync(join(dist, name)).mtimeMs)]).toEqual([0, made])
  })

  it('is a library with types', () => {
    writeFileSync(
      join(folder, 'use.mjs'),
      "import { compileSource, MemoryHost, openObject } from 'bpfc'\nconst made = compileSource(new MemoryHost({ 'p.c': 'int x = 1;' }), 'p.c')\nconsole.log(made.errors, openObject(made.object, 'p.o').maps.map(map => map.name).join())\n",
    )
    expect(execFileSync(process.execPath, ['use.mjs'], { cwd: folder, encoding: 'utf8' })).toMatch(/^0 .*data/)
    const types = JSON.parse(readFileSync(join(folder, 'node_modules/bpfc/package.json'), 'utf8')) as { types: string }
    expect(readFileSync(join(folder, 'node_modules/bpfc', types.types), 'utf8')).toContain('verifyProgram')
  })
})
