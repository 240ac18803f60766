/**
 * Asks another kernel what it takes through `bpfc load` and through libbpf: boots it under qemu with Node, dist/ and koffi in an initramfs, loads every
 * program of the objects with both, and compares. For kernels that are not running here, and for programs (fentry, fexit, fmod_ret, lsm) that the
 * running one refuses to load. Nothing is attached.
 *
 * usage: node scripts/guest-load.mjs --kernel VMLINUZ --loader PROGRAM --objects DIR [--sections fentry,lsm] [--config FILE] [--keep FILE]
 *   --loader     a static program that loads an object through libbpf: a line of JSON a program with obj, prog, ok and processed
 *   --sections   only objects that have a program in such a section
 *   --config     the kernel's configuration, for .kconfig externs
 *   --keep       what the guest printed
 * Needs root, qemu-system-x86_64, a static busybox and cpio; `node scripts/build.mjs --cli` comes first.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..')
const args = new Map()
for (let i = 2; i < process.argv.length; i += 2) args.set(process.argv[i].slice(2), process.argv[i + 1])
for (const name of ['kernel', 'loader', 'objects'])
  if (!args.has(name)) throw new Error(`--${name} is missing; the head of this file says how`)

/** Whether an object has a program in one of the sections asked for, as `bpfc dump` lists them. */
function isWanted(path) {
  if (!args.has('sections')) return true
  const words = [join(root, 'dist/bpfc.cjs'), 'dump', '--json', '--only', 'sections', path]
  const listed = spawnSync(process.execPath, words, { encoding: 'utf8', maxBuffer: 1 << 26 })
  if (listed.status !== 0) return false
  const wanted = args.get('sections').split(',')
  return JSON.parse(listed.stdout).sections.some(({ name }) => wanted.includes(name.split(/[/.]/)[0]))
}

const INIT = `#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc; /bin/busybox mount -t sysfs sys /sys; /bin/busybox mount -t devtmpfs dev /dev
/bin/busybox mount -t bpf bpf /sys/fs/bpf; /bin/busybox ip link set lo up; /bin/busybox stty -F /dev/ttyS1 raw
cd /objects
/bin/node /bpfc/dist/bpfc.cjs load --format json KCONFIG *.o > /tmp/out 2> /tmp/err
/bin/busybox cat /tmp/out > /dev/ttyS1; /bin/busybox cat /tmp/err > /dev/ttyS0
for object in *.o; do /bin/busybox timeout -s KILL 60 /bin/loader $object > /dev/ttyS1 2> /dev/null; done
/bin/busybox poweroff -f
`

/** Everything that the guest needs, in a folder. */
function lay(folder, objects) {
  for (const name of ['bin', 'objects', 'proc', 'sys', 'dev', 'tmp', 'bpfc']) mkdirSync(join(folder, name), { recursive: true })
  const put = (from, to) => cpSync(from, join(folder, to), { recursive: true, dereference: true })
  put('/bin/busybox', 'bin/busybox')
  put(args.get('loader'), 'bin/loader')
  put(process.execPath, 'bin/node')
  for (const [, library] of execFileSync('ldd', [process.execPath], { encoding: 'utf8' }).matchAll(/(\/\S+) \(0x/g))
    put(library, library)
  put(join(root, 'dist'), 'bpfc/dist')
  for (const name of ['koffi', '@koromix'])
    if (existsSync(join(root, 'node_modules', name))) put(join(root, 'node_modules', name), join('bpfc/node_modules', name))
  if (args.has('config')) put(args.get('config'), 'config')
  for (const object of objects) put(object, join('objects', basename(object)))
  writeFileSync(join(folder, 'init'), INIT.replace('KCONFIG', args.has('config') ? '--kconfig /config' : ''))
  chmodSync(join(folder, 'init'), 0o755)
}

/** What the guest wrote to its second port; what it said on the first goes to standard error. */
function boot(scratch, objects) {
  const folder = join(scratch, 'root')
  lay(folder, objects)
  const image = join(scratch, 'initramfs')
  execFileSync('/bin/sh', ['-c', 'find . | cpio -o -H newc 2> /dev/null | gzip -1 > "$0"', image], { cwd: folder })
  const [console_, answers] = [join(scratch, 'console'), join(scratch, 'answers')]
  const machine = '-accel tcg -m 3072 -smp 1 -cpu max -display none -monitor none -no-reboot'.split(' ')
  const kernel = ['-kernel', args.get('kernel'), '-initrd', image, '-append', 'console=ttyS0 quiet panic=-1 lsm=bpf']
  const run = spawnSync('qemu-system-x86_64', [
    ...machine,
    ...kernel,
    '-serial',
    `file:${console_}`,
    '-serial',
    `file:${answers}`,
  ])
  if (run.status !== 0) throw new Error(`qemu: ${run.stderr}`)
  process.stderr.write(readFileSync(console_))
  return readFileSync(answers, 'utf8')
}

const objects = readdirSync(args.get('objects'))
  .filter(name => name.endsWith('.o'))
  .sort()
  .map(name => join(args.get('objects'), name))
  .filter(isWanted)
const scratch = mkdtempSync(join(tmpdir(), 'bpfc-guest-'))
const text = boot(scratch, objects)
rmSync(scratch, { recursive: true })
if (args.has('keep')) writeFileSync(args.get('keep'), text)

const [ours, theirs] = [new Map(), new Map()]
for (const line of text.split('\n').filter(each => each.startsWith('{'))) {
  const row = JSON.parse(line)
  if (row.verdict) ours.set(`${row.object} ${row.program}`, row)
  else if (row.prog) theirs.set(`${row.obj} ${row.prog}`, row)
}
let [accepted, wrong] = [0, 0]
for (const [name, { ok, processed }] of theirs) {
  const own = ours.get(name)
  if (ok) accepted++
  if (ok && own?.verdict === 'accepted' && own.processed === processed) continue
  if (!ok && own?.verdict !== 'accepted') continue
  // The kernel takes it, and libbpf's loader failed at something else.
  if (!ok) console.log(`${name}: only through bpfc`)
  else {
    wrong++
    console.log(
      `${name}: processed ${processed} through libbpf; ${own ? `${own.verdict} ${own.processed} ${own.message}` : 'nothing'} through bpfc`,
    )
  }
}
console.log(
  `${objects.length} objects, ${theirs.size} programs, ${accepted} accepted through libbpf, ${wrong} of these not alike through bpfc`,
)
process.exitCode = wrong > 0 || accepted === 0 ? 1 : 0
