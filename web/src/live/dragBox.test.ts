import { describe, expect, it } from 'vitest'
import { boxBetween, shownIn } from '@/live/dragBox'

const WIDE = { width: 1920, height: 1080 }

describe('a box that is drawn into a picture', () => {
  it('counts from the corner of the picture, not of the bars beside it', () => {
    // 16:9 in a square: 800 x 450, with bars of 175 above and below.
    expect(shownIn({ width: 800, height: 800 }, WIDE)).toEqual({ x: 0, y: 175, width: 800, height: 450 })
    expect(
      boxBetween({ x: 100, y: 275 }, { x: 300, y: 375 }, { width: 800, height: 800 }, WIDE),
    ).toEqual({
      direction: 'in',
      box: {
        ...{ window_width_px: 800, window_height_px: 450 },
        ...{ middle_x_px: 200, middle_y_px: 150 },
        ...{ box_width_px: 200, box_height_px: 100 },
      },
    })
  })

  it('zooms out when it is drawn from right to left, up or down', () => {
    const window = { width: 1920, height: 1080 }

    const drawn = boxBetween({ x: 400, y: 50 }, { x: 200, y: 250 }, window, WIDE)

    expect(drawn?.direction).toBe('out')
    expect(drawn?.box).toMatchObject({ middle_x_px: 300, middle_y_px: 150, box_width_px: 200, box_height_px: 200 })
  })

  it('ends at the edge of the picture', () => {
    const drawn = boxBetween({ x: 700, y: 100 }, { x: 900, y: 900 }, { width: 800, height: 800 }, WIDE)

    expect(drawn?.box).toMatchObject({ middle_x_px: 750, middle_y_px: 225, box_width_px: 100, box_height_px: 450 })
  })

  it('is none where the hand only slipped, beside the picture, or before there is one', () => {
    const window = { width: 800, height: 800 }

    expect(boxBetween({ x: 100, y: 300 }, { x: 105, y: 400 }, window, WIDE)).toBeNull()
    expect(boxBetween({ x: 100, y: 10 }, { x: 400, y: 100 }, window, WIDE)).toBeNull()
    expect(boxBetween({ x: 0, y: 0 }, { x: 400, y: 400 }, window, { width: 0, height: 0 })).toBeNull()
  })
})
