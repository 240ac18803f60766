/**
 * Virtual machines of others, in user space, on the same programs: ubpf and febpf, each interpreting and compiling. They are shared libraries
 * that whoever runs the bench has built: BPFC_UBPF names libubpf.so, BPFC_FEBPF a libfebpf.so with its C interface. peer-driver.c opens them.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const LIBRARIES = { ubpf: process.env.BPFC_UBPF, febpf: process.env.BPFC_FEBPF }
const MAP_KINDS = { 1: 'hash', 2: 'array' }

/**
 * Makes the driver and the files it reads. Gives a list of {name, time(program)}: time answers {retval, ns} or, where the peer cannot run the
 * program, {error}; a peer without library has `absent`, which says why.
 */
export function peers({ root, prepared, object, packet }) {
  const folder = join(root, 'dist/bench')
  mkdirSync(folder, { recursive: true })
  const file = (name, bytes) => {
    writeFileSync(join(folder, name), bytes)
    return join(folder, name)
  }
  const driver = join(folder, 'peer-driver')
  const compiled = spawnSync('cc', ['-O2', '-o', driver, join(root, 'bench/vm/peer-driver.c'), '-ldl'], { encoding: 'utf8' })
  const objectFile = file('programs.o', object)
  const packetFile = file('packet', packet)
  const mapsFile = file(
    'maps',
    prepared.maps.map(map => `${MAP_KINDS[map.type]} ${map.keySize} ${map.valueSize} ${map.maxEntries}\n`).join(''),
  )
  const inputs = {
    ubpf: program => [file(`${program.name}.insns`, rawInsns(program.insns)), mapsFile],
    febpf: program => [objectFile, program.name],
  }
  return Object.entries(LIBRARIES).flatMap(([name, library]) =>
    ['interpreter', 'jit'].map(engine => ({
      name: `${name} ${engine}`,
      absent: !library
        ? `BPFC_${name.toUpperCase()} names no library`
        : compiled.status !== 0
          ? `no C compiler: ${compiled.error?.message ?? compiled.stderr}`
          : undefined,
      time(program) {
        const words = [name, library, engine, ...inputs[name](program), packetFile]
        const { status, stdout, stderr } = spawnSync(driver, words, { encoding: 'utf8', timeout: 60_000 })
        if (status !== 0) return { error: stderr?.trim() || `ended with ${status}` }
        const [retval, ns] = stdout.trim().split(' ').map(Number)
        return { retval, ns }
      },
    })),
  )
}

/** Instructions as bytes, in which loads of maps give the map's number from 1 on. */
function rawInsns(insns) {
  const view = new DataView(new ArrayBuffer(insns.length * 8))
  for (let slot = 0; slot < insns.length; slot++) {
    const isMap = insns.code[slot] === 0x18 && insns.src[slot] === 1
    view.setUint8(slot * 8, insns.code[slot])
    view.setUint8(slot * 8 + 1, insns.dst[slot] | (isMap ? 0 : insns.src[slot] << 4))
    view.setInt16(slot * 8 + 2, insns.off[slot], true)
    view.setInt32(slot * 8 + 4, isMap ? insns.imm[slot] + 1 : insns.imm[slot], true)
  }
  return new Uint8Array(view.buffer)
}
