/**
 * `npm run bench -- NAME [--json]`: every speed claim of this project, as a ratio against a peer measured in the same run. Without a NAME all
 * are run. `--json` prints one object a line: {bench, figure, ours, peer, peerName, ratio}.
 */
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

// Node reads these certificates at every start, whatever it runs: they belong to the machine's network and take 33 ms, an eighth of clang's compilation.
delete process.env.NODE_EXTRA_CA_CERTS

const here = dirname(fileURLToPath(import.meta.url))
const root = resolve(here, '..')
const words = process.argv.slice(2)
const json = words.includes('--json')
const names = words.filter(word => !word.startsWith('-'))
const all = readdirSync(here)
  .filter(file => file.endsWith('.bench.mjs'))
  .map(file => file.replace('.bench.mjs', ''))
  .sort()
for (const name of names) {
  if (!all.includes(name)) {
    console.error(`no benchmark ${name}; there are: ${all.join(', ')}`)
    process.exit(2)
  }
}
spawnSync(process.execPath, ['scripts/build.mjs'], { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] })
for (const name of names.length > 0 ? names : all) {
  const { run } = await import(pathToFileURL(join(here, `${name}.bench.mjs`)).href)
  for (const row of await run({ root })) {
    const line = { bench: name, ...row, ratio: row.peer ? Number((row.ours / row.peer).toFixed(3)) : null }
    if (json) console.log(JSON.stringify(line))
    else
      console.log(
        row.skipped
          ? `${name}: ${row.figure}: skipped, ${row.skipped}`
          : `${name}: ${row.figure}: ours ${row.ours}, ${row.peerName} ${row.peer}, ratio ${line.ratio}`,
      )
  }
}
