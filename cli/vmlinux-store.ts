/** Keeps what is made of a kernel's BTF between runs. The text of vmlinux.h takes longer to make than what includes it takes to compile. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { keepFile, sample } from './cache-folder.js'

/** Hash of the sources that make the text, set by the build: what another state of them made is not taken. Empty where nothing was built. */
declare const BPFC_VMLINUX: string
const MAKER = typeof BPFC_VMLINUX === 'string' ? BPFC_VMLINUX : ''

export class VmlinuxStore {
  /** `folder` is where texts are kept; undefined for nowhere. */
  constructor(
    private readonly folder: string | undefined,
    private readonly maker: string = MAKER,
    /** What is kept, as a part of file names. */
    private readonly what: string = 'vmlinux',
  ) {}

  get active(): boolean {
    return this.folder !== undefined && this.maker !== ''
  }

  /** The text, or other bytes, made of the BTF that `identity` stands for. */
  get(identity: string): Uint8Array | undefined {
    try {
      const stored = readFileSync(join(this.folder!, this.name(identity)))
      const end = stored.lastIndexOf(MARK)
      const text = stored.subarray(0, Math.max(0, end))
      return end >= 0 && stored.toString('latin1', end) === trailer(identity, text) ? text : undefined
    } catch {
      return undefined
    }
  }

  put(identity: string, text: Uint8Array): void {
    keepFile(this.folder!, this.name(identity), Buffer.concat([text, Buffer.from(trailer(identity, text), 'latin1')]))
  }

  private name(identity: string): string {
    return `${this.maker}-${this.what}-${sample(Buffer.from(identity))}.idx`
  }
}

const MARK = '\n\0'

/** Stands behind the text: what it was made of, its size and a sum of some of its bytes, so that a file that was cut off is not taken. */
const trailer = (identity: string, text: Uint8Array): string => `${MARK}${identity} ${sample(text)}`
