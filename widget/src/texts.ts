/** Everything that the widget itself says. */

export type Language = "en" | "zh-CN" | "zh-TW";

const en = {
  title: "Chat with us",
  open: "Open the chat",
  unread: (count: number) => (count === 1 ? "1 new message" : `${count} new messages`),
  close: "Close the chat",
  greeting: "Hello! How can we help?",
  introduction: "You can close this page at any time: the answer will be here when you come back.",
  placeholder: "Write a message…",
  send: "Send",
  attach: "Add files",
  remove: "Remove",
  messages: "Messages",
  you: "You",
  bot: "Assistant",
  system: "Notice",
  withBot: "Our assistant answers at once",
  inLine: (position: number) => (position === 1 ? "You are next in line" : `You are number ${position} in line`),
  waiting: "Waiting for a colleague",
  withAgent: (name: string) => `You are talking with ${name}`,
  closed: "This conversation is closed. Write to start a new one.",
  connecting: "Connecting…",
  offline: "No connection. Your messages are kept and sent as soon as it is back.",
  typing: (name: string) => `${name} is writing`,
  sending: "Sending…",
  failed: "Not sent",
  edit: "Edit and try again",
  uploading: "Uploading…",
  tooLarge: "This file is too large.",
  fileRefused: "This file cannot be sent: it is too large, or of a kind that is not taken.",
  uploadFailed: "The file could not be uploaded. Try again.",
  tooManyFiles: (most: number) => `A message can have at most ${most} files.`,
  cards: (count: number) => (count === 1 ? "1 card" : `${count} cards, side by side`),
  newTab: "opens in a new tab",
  today: "Today",
  yesterday: "Yesterday",
  map: "Map",
};

export type Texts = typeof en;

const zhCN: Texts = {
  title: "在线客服",
  open: "打开聊天窗口",
  unread: (count) => `${count} 条新消息`,
  close: "关闭聊天窗口",
  greeting: "您好！有什么可以帮您？",
  introduction: "随时可以关闭页面，下次打开就能看到回复。",
  placeholder: "输入消息…",
  send: "发送",
  attach: "添加文件",
  remove: "移除",
  messages: "消息",
  you: "您",
  bot: "智能助手",
  system: "通知",
  withBot: "智能助手随时为您解答",
  inLine: (position) => (position === 1 ? "下一位就是您" : `您排在第 ${position} 位`),
  waiting: "正在等待客服",
  withAgent: (name) => `${name} 正在为您服务`,
  closed: "本次会话已结束，发送消息即可重新开始。",
  connecting: "正在连接…",
  offline: "网络已断开。消息会先保存，恢复后自动发送。",
  typing: (name) => `${name} 正在输入`,
  sending: "发送中…",
  failed: "未发送",
  edit: "修改后重试",
  uploading: "上传中…",
  tooLarge: "文件太大。",
  fileRefused: "无法发送：文件太大，或类型不受支持。",
  uploadFailed: "上传失败，请重试。",
  tooManyFiles: (most) => `一条消息最多 ${most} 个文件。`,
  cards: (count) => (count === 1 ? "1 张卡片" : `${count} 张卡片，可左右滑动`),
  newTab: "在新标签页中打开",
  today: "今天",
  yesterday: "昨天",
  map: "地图",
};

const zhTW: Texts = {
  title: "線上客服",
  open: "開啟聊天視窗",
  unread: (count) => `${count} 則新訊息`,
  close: "關閉聊天視窗",
  greeting: "您好！需要什麼協助嗎？",
  introduction: "隨時可以關閉頁面，下次開啟就能看到回覆。",
  placeholder: "輸入訊息…",
  send: "傳送",
  attach: "加入檔案",
  remove: "移除",
  messages: "訊息",
  you: "您",
  bot: "智慧助理",
  system: "通知",
  withBot: "智慧助理隨時為您解答",
  inLine: (position) => (position === 1 ? "下一位就是您" : `您排在第 ${position} 位`),
  waiting: "正在等候客服人員",
  withAgent: (name) => `${name} 正在為您服務`,
  closed: "本次對話已結束，傳送訊息即可重新開始。",
  connecting: "連線中…",
  offline: "網路已中斷。訊息會先保存，恢復後自動傳送。",
  typing: (name) => `${name} 正在輸入`,
  sending: "傳送中…",
  failed: "未傳送",
  edit: "修改後重試",
  uploading: "上傳中…",
  tooLarge: "檔案太大。",
  fileRefused: "無法傳送：檔案太大，或類型不受支援。",
  uploadFailed: "上傳失敗，請重試。",
  tooManyFiles: (most) => `一則訊息最多 ${most} 個檔案。`,
  cards: (count) => (count === 1 ? "1 張卡片" : `${count} 張卡片，可左右滑動`),
  newTab: "在新分頁中開啟",
  today: "今天",
  yesterday: "昨天",
  map: "地圖",
};

export const TEXTS: Record<Language, Texts> = { en, "zh-CN": zhCN, "zh-TW": zhTW };

/** The visitor's own form of a language, for times and numbers: British English reads 13:05, not 1:05 PM. */
export function locale(language: Language, own: readonly string[]): string {
  const primary = (tag: string): string => tag.split("-")[0]!.toLowerCase();
  return own.find((tag) => primary(tag) === primary(language)) ?? language;
}

/** The widget's language for the first of these tags that it speaks (BCP 47), English for none. */
export function choose(...tags: (string | null | undefined)[]): Language {
  for (const tag of tags) {
    const [primary, ...rest] = (tag ?? "").toLowerCase().split("-");
    if (primary === "en") return "en";
    if (primary === "zh" || primary === "yue") {
      const traditional = rest.includes("hant") || (!rest.includes("hans") && rest.some((part) => ["tw", "hk", "mo"].includes(part)));
      return traditional ? "zh-TW" : "zh-CN";
    }
  }
  return "en";
}
