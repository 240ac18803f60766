/**
 * Lookahead of the grammar as tables: for each decision strings with a character for each terminal, by its number. Made by an analysis of the
 * grammar (grammar-analysis.ts), kept in `decisions.gen.ts`, read as they are.
 */

/**
 * chevrotain's key of a decision, then its tables. What is optional has one of `1` (goes in) and `0`; a choice has one of `a` (the first
 * alternative), `b`… and `0` (none), or, where alternatives have gates, one of `1` and `0` for each of them.
 */
export type Decisions = readonly (readonly [key: number, ...tables: string[]])[]
