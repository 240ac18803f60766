/** The plugins in real builds: esbuild, and Vite's (Vitest brings it), on a program that passes, one that warns, one that does not compile and one that is rejected. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as esbuild from 'esbuild'
import { createServer } from 'vite'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openObject } from '../../index.js'
import esbuildPlugin from '../../plugins/esbuild/esbuild.js'
import rollupPlugin from '../../plugins/rollup/rollup.js'

const head = '#include <linux/bpf.h>\n#include <bpf/bpf_helpers.h>\n#include "answer.h"\n'
const sources: Record<string, string> = {
  'answer.h': '#define ANSWER XDP_PASS\n',
  'pass.bpf.c': `${head}SEC("xdp") int pass(struct xdp_md *ctx) { return ANSWER; }\n`,
  'warns.bpf.c': `${head}#warning remember me\nSEC("xdp") int pass(struct xdp_md *ctx) { return ANSWER; }\n`,
  'broken.bpf.c': `${head}SEC("xdp") int pass(struct xdp_md *ctx) { return ANSWERS; }\n`,
  'rejected.bpf.c': `${head}SEC("xdp") int reads(struct xdp_md *ctx) { return *(char *)(long)ctx->data; }\n`,
}
let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'bpfc-bundlers-'))
  mkdirSync(join(folder, 'src'))
  for (const [name, text] of Object.entries(sources)) {
    writeFileSync(join(folder, name), text)
    writeFileSync(join(folder, `${name}.js`), `import object from './${name}'\nexport { object }\n`)
  }
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const objectOf = async (module: string): Promise<Uint8Array> =>
  (await import(`data:text/javascript,${encodeURIComponent(module)}`)).object
const programsOf = (bytes: Uint8Array): string[] => openObject(bytes, 'object').programs.map(program => program.name)

describe('bpfc/esbuild', () => {
  const build = (name: string) =>
    esbuild.build({
      absWorkingDir: folder,
      entryPoints: [`${name}.js`],
      bundle: true,
      write: false,
      format: 'esm',
      logLevel: 'silent',
      plugins: [esbuildPlugin()],
    })

  it('puts the object into the bundle', async () => {
    const { outputFiles, warnings } = await build('pass.bpf.c')
    expect(programsOf(await objectOf(outputFiles[0]!.text))).toEqual(['pass'])
    expect(warnings).toEqual([])
  })

  it('hands warnings on', async () => {
    expect((await build('warns.bpf.c')).warnings.map(warning => warning.text)).toEqual([
      expect.stringMatching(/warns\.bpf\.c:4:2: .*remember me/),
    ])
  })

  it.each([
    ['broken.bpf.c', /broken\.bpf\.c:4:\d+: error\[\w+\]: .*ANSWERS/],
    ['rejected.bpf.c', /rejects reads \(xdp\)\nerror\[V\d+\][\s\S]*rejected\.bpf\.c:4/],
  ])('%s fails the build', async (name, reason) => {
    await expect(build(name)).rejects.toThrow(reason)
  })
})

describe('bpfc/rollup', () => {
  it('gives Vite a module, and ends its build with the reason', async () => {
    const server = await createServer({
      root: folder,
      configFile: false,
      logLevel: 'silent',
      server: { middlewareMode: true, ws: false },
      plugins: [rollupPlugin()],
    })
    try {
      const { object } = await server.ssrLoadModule('/pass.bpf.c.js')
      expect(programsOf(object)).toEqual(['pass'])
      await expect(server.ssrLoadModule('/rejected.bpf.c.js')).rejects.toThrow(/rejects reads/)
    } finally {
      await server.close()
    }
  })

  it('leaves other files alone, names what it read, and warns', () => {
    const watched: string[] = []
    const warned: string[] = []
    const context = { addWatchFile: (file: string) => watched.push(file), warn: (message: string) => warned.push(message) }
    const plugin = rollupPlugin()
    expect(plugin.load.call(context, join(folder, 'answer.h'))).toBeUndefined()
    expect(plugin.load.call(context, join(folder, 'warns.bpf.c?v=1'))?.code).toContain('export default')
    expect(watched).toEqual([join(folder, 'warns.bpf.c'), join(folder, 'answer.h')])
    expect(warned).toHaveLength(1)
  })
})
