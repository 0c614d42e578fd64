import type { Schemas } from '@/api/client'

export type Branch = Schemas['OwnGroupBranch']
export type Division = Schemas['Division']
export type ReportedGroup = Schemas['Group']

/** A node as the tree components take it. */
export type TreeItem = {
  key: string
  label: string
  channels: number
  online: number
  children?: TreeItem[]
}

interface Counted {
  channels: number
  online_channels: number
}

function tree<Node extends Counted & { children: Node[] }>(
  nodes: readonly Node[],
  read: (node: Node) => { key: string; label: string },
): TreeItem[] {
  return nodes.map((node) => ({
    ...read(node),
    channels: node.channels,
    online: node.online_channels,
    ...(node.children.length > 0 ? { children: tree(node.children, read) } : {}),
  }))
}

export function branchItems(nodes: readonly Branch[]): TreeItem[] {
  return tree(nodes, (node) => ({ key: node.group_id, label: node.name }))
}

/** Regions by name, and their code behind it where it tells more; `nowhere` names those of no code. */
export function divisionItems(nodes: readonly Division[], nowhere: string): TreeItem[] {
  return tree(nodes, ({ code, name }) => ({
    key: code,
    label: code === '' ? nowhere : [name, code].filter(Boolean).join(' '),
  }))
}

export function groupItems(nodes: readonly ReportedGroup[]): TreeItem[] {
  return tree(nodes, (node) => ({ key: node.group_id, label: node.name || node.group_id }))
}

/** Every node of a tree by its key, parents before children. */
export function flat<Node extends { children: Node[] }>(
  nodes: readonly Node[],
  key: (node: Node) => string,
): Map<string, Node> {
  const found = new Map<string, Node>()
  const walk = (some: readonly Node[]): void => {
    for (const node of some) {
      found.set(key(node), node)
      walk(node.children)
    }
  }
  walk(nodes)
  return found
}

/** What a channel's region is called: by the country, and what is named here below the county. */
export function divisionWords(
  channel: { division: string; division_name: string },
  known: ReadonlyMap<string, Division>,
): string {
  const local = channel.division.length > 6 ? known.get(channel.division)?.name : ''
  const name = channel.division_name || known.get(channel.division)?.name || ''
  return [name, local].filter((words, at, all) => words && all.indexOf(words) === at).join(' ')
}

/** Names on the way down to a node. */
export function wayTo(known: ReadonlyMap<string, Branch>, groupId: string): string {
  const names: string[] = []
  for (let node = known.get(groupId); node !== undefined; node = known.get(node.parent_id)) {
    names.unshift(node.name)
    if (names.length > known.size) break
  }
  return names.join(' / ')
}

export type Side = 'before' | 'inside' | 'after'
export interface Move {
  group_id: string
  parent_id: string
  position: number
}

/** Whether a node is the other, or lies below it. */
export function isWithin(known: ReadonlyMap<string, Branch>, groupId: string, above: string): boolean {
  for (let node = known.get(groupId); node !== undefined; node = known.get(node.parent_id)) {
    if (node.group_id === above) return true
  }
  return false
}

/**
 * What to tell the server so that a node comes to stand before, inside or after another: the node
 * itself first, then those beside it whose place changes. Null where it would hang below itself.
 */
export function movesFor(
  nodes: readonly Branch[],
  movedId: string,
  overId: string,
  side: Side,
): Move[] | null {
  const known = flat(nodes, (node) => node.group_id)
  const moved = known.get(movedId)
  const over = known.get(overId)
  const parentId = side === 'inside' ? overId : (over?.parent_id ?? '')
  if (moved === undefined || movedId === overId || isWithin(known, parentId, movedId)) return null
  const beside = (parentId === '' ? nodes : (known.get(parentId)?.children ?? [])).filter(
    (node) => node.group_id !== movedId,
  )
  const found = beside.findIndex((node) => node.group_id === overId)
  const at = found < 0 ? beside.length : found + (side === 'after' ? 1 : 0)
  const order = [...beside.slice(0, at), moved, ...beside.slice(at)]
  const moves = order
    .map((node, position) => ({ node, position }))
    .filter(({ node, position }) => node.position !== position || node.parent_id !== parentId)
    .map(({ node, position }) => ({ group_id: node.group_id, parent_id: parentId, position }))
  return moves.sort((one, other) => Number(other.group_id === movedId) - Number(one.group_id === movedId))
}
