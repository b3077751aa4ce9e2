import {
  IconBrandFacebook,
  IconBrandTelegram,
  IconBrandWhatsapp,
  IconDeviceMobileMessage,
  IconMail,
  IconMessageCircle,
  IconWebhook,
  IconWorld,
} from "@tabler/icons-react";

const icons: Record<string, typeof IconMail> = {
  webchat: IconWorld,
  email: IconMail,
  telegram: IconBrandTelegram,
  whatsapp: IconBrandWhatsapp,
  messenger: IconBrandFacebook,
  sms: IconDeviceMobileMessage,
  http: IconWebhook,
};

/** The picture of a kind of channel (`email`), or of an address space within one (`webchat:shop`); an unknown kind has a neutral one. */
export function ChannelIcon({ kind, size = 14 }: { kind: string; size?: number }) {
  const Icon = icons[kind.split(":")[0] ?? ""] ?? IconMessageCircle;
  return <Icon size={size} stroke={1.7} aria-hidden style={{ flex: "none" }} />;
}
