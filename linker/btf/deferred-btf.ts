/** Types that are read when the first of them is asked for: most programs never ask for a kernel's, and reading those takes longer than verifying. */
import type { BtfFile } from './btf-file.js'
import type { BtfId, BtfSet, BtfType } from './btf-types.js'

export class DeferredBtf implements BtfSet {
  private file: BtfFile | undefined

  /** `read` is called once, at the first question; what it throws, that question throws. */
  constructor(private readonly read: () => BtfFile) {}

  private get known(): BtfFile {
    this.file ??= this.read()
    return this.file
  }

  get count(): number {
    return this.known.count
  }

  type(id: BtfId): BtfType {
    return this.known.type(id)
  }

  byName(name: string): readonly BtfId[] {
    return this.known.byName(name)
  }

  byEssentialName(name: string): readonly BtfId[] {
    return this.known.byEssentialName(name)
  }

  offsetOf(id: BtfId): number {
    return this.known.offsetOf(id)
  }
}
