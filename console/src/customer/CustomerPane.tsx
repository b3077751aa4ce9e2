/** Everything known about one customer, beside the conversation. */

import "./customer.css";
import { ActionIcon, Skeleton, Tooltip } from "@mantine/core";
import { IconMail, IconPencil, IconPhone } from "@tabler/icons-react";
import { useEffect, useState } from "react";
import { go } from "../app/router";
import { useWords } from "../i18n";
import { Ago } from "../lib/Age";
import { ChannelIcon } from "../lib/ChannelIcon";
import { useCustomerName } from "../left/ConversationList";
import { loadCustomer } from "../store/actions";
import type { State } from "../store/state";
import { read, useStore } from "../store/store";
import { EditCustomer } from "./EditCustomer";
import { Merges } from "./Merges";
import { OtherConversations } from "./OtherConversations";
import { Routed } from "./Routed";
import { Verified } from "./Verified";

export type KnownCustomer = State["customers"][string];

/** `conversation`: the one beside which it stands, if any. */
export function CustomerPane({ id, conversation }: { id: string; conversation: string | undefined }) {
  const { t } = useWords();
  const customer = useStore((state) => state.customers[id]);
  useEffect(() => {
    const { customers, details } = read();
    const comesWithIt = conversation && !details[conversation];
    if (!customers[id] && !comesWithIt) loadCustomer(id).catch(() => undefined);
  }, [id, conversation]);
  if (!customer)
    return (
      <div className="cust" role="status" aria-label={t("app.loading")}>
        <Skeleton height={22} mb={12} width="60%" />
        <Skeleton height={12} mb={8} />
        <Skeleton height={12} mb={8} width="80%" />
      </div>
    );
  return (
    <div className="cust" data-testid="customer">
      <Who customer={customer} />
      {conversation && <Routed conversation={conversation} />}
      <OtherConversations customer={customer} current={conversation} />
      <Attributes customer={customer} conversation={conversation} />
      <Merges customer={customer} />
    </div>
  );
}

function Who({ customer }: { customer: KnownCustomer }) {
  const { t, languageName } = useWords();
  const nameOf = useCustomerName();
  const [editing, setEditing] = useState(false);
  return (
    <section>
      <div style={{ display: "flex", alignItems: "center", gap: 6, marginBottom: 8 }}>
        <h2 className="ellipsis">
          <bdi>{nameOf(customer)}</bdi>
        </h2>
        <Verified verified={customer.verified} />
        <Tooltip label={t("customer.edit")}>
          <ActionIcon variant="subtle" color="gray" ml="auto" aria-label={t("customer.edit")} onClick={() => setEditing(true)} data-testid="customer-edit">
            <IconPencil size={16} />
          </ActionIcon>
        </Tooltip>
      </div>
      <Identifiers customer={customer} />
      <dl className="pairs" style={{ marginTop: 8 }}>
        {customer.tier && <Pair name={t("customer.tier")} value={<span className="pill accent">{customer.tier}</span>} />}
        {customer.language && <Pair name={t("customer.language")} value={languageName(customer.language)} />}
        <Pair name={t("customer.since")} value={<Ago at={customer.first_seen} />} />
        <Pair name={t("customer.last")} value={<Ago at={customer.last_seen} />} />
      </dl>
      {editing && <EditCustomer customer={customer} onClose={() => setEditing(false)} />}
    </section>
  );
}

function Pair({ name, value }: { name: string; value: React.ReactNode }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </>
  );
}

function Identifiers({ customer }: { customer: KnownCustomer }) {
  const named = new Set(customer.identifiers.map(({ value }) => value));
  return (
    <>
      {customer.identifiers.map(({ kind, value, verified }) => {
        const Icon = kind === "email" ? IconMail : IconPhone;
        return (
          <div key={kind + value} className="ident">
            <Icon size={15} aria-hidden style={{ flex: "none" }} />
            <bdi className="ellipsis" title={value}>
              {value}
            </bdi>
            <Verified verified={verified} hint="customer.verified" />
          </div>
        );
      })}
      {customer.addresses.filter(({ handle }) => !named.has(handle)).map(({ space, handle }) => (
        <div key={`${space} ${handle}`} className="ident muted">
          <ChannelIcon kind={space} size={15} />
          <bdi className="ellipsis" title={`${space}: ${handle}`}>
            {handle}
          </bdi>
        </div>
      ))}
    </>
  );
}

function Attributes({ customer, conversation }: { customer: KnownCustomer; conversation: string | undefined }) {
  const { t } = useWords();
  const detail = useStore((state) => (conversation ? state.details[conversation] : undefined));
  const own = Object.entries(customer.attributes).filter(([name]) => name !== "tier");
  const here = Object.entries(detail?.attributes ?? {});
  return (
    <section>
      <h3>{t("customer.attributes")}</h3>
      {own.length === 0 && <p className="muted small" style={{ margin: 0 }}>{t("customer.no_attributes")}</p>}
      <dl className="pairs">
        {own.map(([name, value]) => (
          <Pair key={name} name={name} value={<bdi>{value}</bdi>} />
        ))}
      </dl>
      {here.length > 0 && (
        <>
          <h3 style={{ marginTop: 10 }}>{t("customer.conversation_attributes")}</h3>
          <dl className="pairs">
            {here.map(([name, value]) => (
              <Pair key={name} name={name} value={<bdi>{value}</bdi>} />
            ))}
          </dl>
        </>
      )}
    </section>
  );
}

/** The button that leads to all channels of a customer at once. */
export function TimelineLink({ customer }: { customer: string }) {
  const { t } = useWords();
  return (
    <button type="button" className="plain link small" style={{ display: "block", marginTop: 6 }} onClick={() => go({ page: "customer", id: customer })} data-testid="open-timeline">
      {t("customer.timeline")}
    </button>
  );
}
