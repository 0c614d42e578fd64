import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import en from '@/i18n/en.json'
import zh from '@/i18n/zh-CN.json'
import { CAUSES } from '@/player/failure'
import { MISHAPS, TRACE_STAGES } from '@/live/traceSteps'
import { RECOVERING, STAGES } from '@/player/stages'

interface Messages {
  [key: string]: string | Messages
}

function flat(messages: Messages, path = ''): Map<string, string> {
  const all = new Map<string, string>()
  for (const [key, value] of Object.entries(messages)) {
    const here = path === '' ? key : `${path}.${key}`
    if (typeof value === 'string') all.set(here, value)
    else for (const [inner, text] of flat(value, here)) all.set(inner, text)
  }
  return all
}

function sources(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(ts|vue)$/.test(name) && !/\.test\.ts$|schema\.d\.ts$/.test(name))
    .map((name) => readFileSync(join(folder, name), 'utf8'))
}

const english = flat(en)
const chinese = flat(zh)
const code = sources(join(process.cwd(), 'src'))

describe('the locale files', () => {
  it('have the same keys', () => {
    expect([...chinese.keys()].sort()).toEqual([...english.keys()].sort())
  })

  it('have the same values to be filled in', () => {
    const holes = (text: string | undefined): string[] => (text?.match(/\{\w+\}/g) ?? []).sort()
    const different = [...english].filter(
      ([key, text]) => holes(text).join() !== holes(chinese.get(key)).join(),
    )

    expect(different).toEqual([])
  })

  it('leave nothing empty, and nothing of Chinese in English', () => {
    const bad = [...english].filter(
      ([key, text]) => text === '' || (/[\u3400-\u9fff]/.test(text) && key !== 'language.zh-CN'),
    )

    expect(bad).toEqual([])
    expect([...chinese].filter(([, text]) => text === '')).toEqual([])
  })

  it('know every key that the code names', () => {
    const named = code.flatMap((text) =>
      [...text.matchAll(/\bt\(\s*'([^']+)'/g)].map((found) => found[1] ?? ''),
    )

    expect(named.length).toBeGreaterThan(50)
    expect(named.filter((key) => !english.has(key))).toEqual([])
  })

  it('have words for everything that the code names by its parts', () => {
    const parts = code.flatMap((text) =>
      [...text.matchAll(/\bt\(\s*`([\w-]+)\.(?:[\w-]+-)?\$\{/g)].map((found) => found[1] ?? ''),
    )

    expect(parts.length).toBeGreaterThan(10)
    const families = new Set([...english.keys()].map((key) => key.split('.')[0]))
    expect(parts.filter((part) => !families.has(part))).toEqual([])
  })

  it('explain every cause of failure and every stage', () => {
    const wanted = [
      ...CAUSES.flatMap((cause) => [`failure.${cause}.what`, `failure.${cause}.todo`]),
      ...[...STAGES, RECOVERING].map((stage) => `stage.${stage}`),
      ...[...TRACE_STAGES, ...MISHAPS].map((stage) => `trace.${stage}`),
    ]

    expect(wanted.filter((key) => !english.has(key))).toEqual([])
  })
})
