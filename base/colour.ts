/** Colours of reports, or none. */

export type Style = 'bold' | 'red' | 'yellow' | 'green' | 'blue' | 'cyan' | 'dim'

const codes: Readonly<Record<Style, string>> = {
  bold: '1',
  red: '1;31',
  yellow: '1;33',
  green: '32',
  blue: '1;34',
  cyan: '1;36',
  dim: '2',
}

export type Paint = (style: Style, text: string) => string

export const painter =
  (colour: boolean): Paint =>
  (style, text) =>
    colour ? `\u001b[${codes[style]}m${text}\u001b[0m` : text
