/**
 * Gives every style element that scripts make the nonce of this load of the page.
 *
 * Naive UI writes its styles into style elements; the server's content security policy
 * allows those that carry the nonce and no others.
 */
export function carryStyleNonce(page: Document): void {
  const nonce = page.querySelector<HTMLMetaElement>('meta[property="csp-nonce"]')?.nonce
  if (!nonce) return
  const createElement = page.createElement.bind(page)
  page.createElement = ((name: string, options?: ElementCreationOptions): HTMLElement => {
    const element = createElement(name, options)
    if (name === 'style') element.nonce = nonce
    return element
  }) as typeof page.createElement
}
