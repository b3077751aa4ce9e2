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
  web: IconWorld,
  webchat: IconWorld,
  email: IconMail,
  telegram: IconBrandTelegram,
  whatsapp: IconBrandWhatsapp,
  messenger: IconBrandFacebook,
  sms: IconDeviceMobileMessage,
  http: IconWebhook,
};

/** The picture of a kind of channel; an unknown kind has a neutral one. */
export function ChannelIcon({ kind, size = 14 }: { kind: string; size?: number }) {
  const Icon = icons[kind] ?? IconMessageCircle;
  return <Icon size={size} stroke={1.7} aria-hidden style={{ flex: "none" }} />;
}
