/** Mantine in the console's colours, sizes and fonts. What our own style sheets use is in `base.css`. */

import { createTheme } from "@mantine/core";
import type { MantineColorsTuple } from "@mantine/core";

const petrol: MantineColorsTuple = [
  "#e8f6f8",
  "#d3ecf0",
  "#a8d8e0",
  "#79c3cf",
  "#52b1c1",
  "#3496a8",
  "#1c8397",
  "#0b7285",
  "#075f70",
  "#024b59",
];

const fonts =
  'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "PingFang SC", "Hiragino Sans GB", "Microsoft YaHei", "Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", Arial, sans-serif, "Apple Color Emoji", "Segoe UI Emoji", "Noto Color Emoji"';

export const theme = createTheme({
  primaryColor: "petrol",
  primaryShade: { light: 7, dark: 7 },
  colors: { petrol },
  fontFamily: fonts,
  fontFamilyMonospace: 'ui-monospace, SFMono-Regular, Menlo, Consolas, "Noto Sans Mono CJK SC", monospace',
  defaultRadius: "md",
  cursorType: "pointer",
  respectReducedMotion: true,
  components: {
    Tooltip: { defaultProps: { openDelay: 250, multiline: true, maw: 320, events: { hover: true, focus: true, touch: true } } },
    Modal: { defaultProps: { centered: true } },
  },
});
