/** What passes over a whole kernel ask of type after type, in columns by id, a base's types included: asking the bytes each time takes twice as long. */
import type { BtfFile } from './btf-file.js'
import type { BtfId } from './btf-types.js'
import { TYPE, TYPE_LAYOUTS } from './type-layout.js'

/** By kind: which word of a type says what it is about (a pointer's target, an array's element); 0 for none. */
const TARGET_WORD = Uint8Array.from(TYPE_LAYOUTS, ({ third, fixed }) => (third === TYPE ? 2 : fixed[0] === TYPE ? 3 : 0))

export class TypeColumns {
  readonly kinds: Uint8Array
  /** Offsets of names among the strings; 0 where there is none. */
  readonly names: Uint32Array
  /** What a pointer, a modifier, a typedef, a function or an array is about; 0 (void) for others. */
  readonly targets: Uint32Array

  constructor(btf: BtfFile) {
    this.kinds = new Uint8Array(btf.count)
    this.names = new Uint32Array(btf.count)
    this.targets = new Uint32Array(btf.count)
    for (let file: BtfFile | undefined = btf; file; file = file.base) this.fill(file)
  }

  private fill(file: BtfFile): void {
    const { kinds, names, targets } = this
    for (let id: BtfId = file.firstId; id < file.count; id++) {
      const place = file.placeOf(id)
      const kind = (file.u32At(place + 4) >>> 24) & 31
      kinds[id] = kind
      names[id] = file.u32At(place)
      const word = TARGET_WORD[kind]!
      if (word !== 0) targets[id] = file.u32At(place + 4 * word)
    }
  }
}
