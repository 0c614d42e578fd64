import { describe, expect, it } from 'vitest'
import { carryStyleNonce } from '@/csp'

describe('carryStyleNonce', () => {
  it('gives style elements the nonce of the page, and nothing else', () => {
    const page = document.implementation.createHTMLDocument()
    const meta = page.createElement('meta')
    meta.setAttribute('property', 'csp-nonce')
    meta.nonce = 'abc'
    page.head.append(meta)

    carryStyleNonce(page)

    expect(page.createElement('style').nonce).toBe('abc')
    expect(page.createElement('script').nonce).not.toBe('abc')
  })

  it('changes nothing where the page has no nonce', () => {
    const page = document.implementation.createHTMLDocument()
    const before = page.createElement

    carryStyleNonce(page)

    expect(page.createElement).toBe(before)
  })
})
