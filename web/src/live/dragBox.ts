import type { Schemas } from '@/api/client'

export type Box = Schemas['Box']

export interface Point {
  x: number
  y: number
}
export interface Size {
  width: number
  height: number
}

/** A shorter drag is a slip of the hand. */
export const SHORTEST_PX = 8

/** Where a picture lies in a window that shows all of it, with bars at two sides. */
export function shownIn(window: Size, picture: Size): Point & Size {
  const scale = Math.min(window.width / picture.width, window.height / picture.height)
  const width = picture.width * scale
  const height = picture.height * scale
  return { x: (window.width - width) / 2, y: (window.height - height) / 2, width, height }
}

/** The box between two points of the window, as the camera counts, with bars cut off: by the
 * picture as it is shown. From left to right zooms in, from right to left out. Null for a slip, or
 * outside of the picture. */
export function boxBetween(
  from: Point,
  to: Point,
  window: Size,
  picture: Size,
): { direction: 'in' | 'out'; box: Box } | null {
  if (picture.width <= 0 || picture.height <= 0) return null
  const shown = shownIn(window, picture)
  const inside = (at: number, most: number): number => Math.min(Math.max(at, 0), most)
  const [x1, x2] = [from.x, to.x].map((x) => inside(x - shown.x, shown.width)).sort((a, b) => a - b)
  const [y1, y2] = [from.y, to.y].map((y) => inside(y - shown.y, shown.height)).sort((a, b) => a - b)
  if (x1 === undefined || x2 === undefined || y1 === undefined || y2 === undefined) return null
  if (x2 - x1 < SHORTEST_PX || y2 - y1 < SHORTEST_PX) return null
  return {
    direction: to.x >= from.x ? 'in' : 'out',
    box: {
      window_width_px: Math.round(shown.width),
      window_height_px: Math.round(shown.height),
      middle_x_px: Math.round((x1 + x2) / 2),
      middle_y_px: Math.round((y1 + y2) / 2),
      box_width_px: Math.round(x2 - x1),
      box_height_px: Math.round(y2 - y1),
    },
  }
}
