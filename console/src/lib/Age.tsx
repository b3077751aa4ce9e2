import { Tooltip } from "@mantine/core";
import { useWords } from "../i18n";
import { useNow } from "./clock";

/** A time as "5 minutes ago"; its tooltip says it in full. */
export function Ago({ at, className }: { at: string; className?: string }) {
  const { relative, absolute } = useWords();
  const now = useNow();
  return (
    <Tooltip label={absolute(at)}>
      <time dateTime={at} className={className}>
        {relative(at, now)}
      </time>
    </Tooltip>
  );
}

/** How long ago, in its shortest form: "5m". */
export function ShortAge({ since, className }: { since: string; className?: string }) {
  const { duration, absolute } = useWords();
  const now = useNow();
  return (
    <time dateTime={since} className={className} title={absolute(since)}>
      {duration((now - Date.parse(since)) / 1_000)}
    </time>
  );
}
