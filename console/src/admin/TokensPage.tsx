import { Alert, Button, Code, CopyButton, Group, Modal, Select, Stack, Table, TextInput } from "@mantine/core";
import { IconPlus } from "@tabler/icons-react";
import { useState } from "react";
import type { FormEvent } from "react";
import { call, get, post } from "../api/client";
import type { Token } from "../api/admin";
import type { Role } from "../api/types";
import { useComplain, useComplaint } from "../app/complain";
import { useWords } from "../i18n";
import { Ago } from "../lib/Age";
import { useAnswer } from "../lib/useLoad";
import { Loaded } from "./Loaded";

const load = () => get<{ items: Token[] }>("/tokens").then((answer) => answer.items);

export function TokensPage() {
  const { t } = useWords();
  const from = useAnswer(load);
  const [adding, setAdding] = useState(false);
  const [revoking, setRevoking] = useState<Token>();
  const add = (
    <Button leftSection={<IconPlus size={16} />} onClick={() => setAdding(true)} data-testid="token-add">
      {t("tokens.add")}
    </Button>
  );
  return (
    <Loaded title={t("admin.tokens")} from={from} actions={add}>
      {(tokens) => (
        <>
          {tokens.length === 0 ? <p className="muted">{t("tokens.none")}</p> : <TokenTable tokens={tokens} revoke={setRevoking} />}
          {adding && <NewToken onClose={() => setAdding(false)} onMade={from.again} />}
          {revoking && <Revoke token={revoking} onClose={() => setRevoking(undefined)} onDone={from.again} />}
        </>
      )}
    </Loaded>
  );
}

function TokenTable({ tokens, revoke }: { tokens: Token[]; revoke: (token: Token) => void }) {
  const { t } = useWords();
  return (
    <Table verticalSpacing="xs">
      <Table.Thead>
        <Table.Tr>
          <Table.Th>{t("tokens.name")}</Table.Th>
          <Table.Th>{t("tokens.role")}</Table.Th>
          <Table.Th>{t("tokens.created")}</Table.Th>
          <Table.Th>
            <span className="hidden-visually">{t("tokens.revoke")}</span>
          </Table.Th>
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {tokens.map((token) => (
          <Table.Tr key={token.id}>
            <Table.Td>
              <bdi>{token.name}</bdi>
            </Table.Td>
            <Table.Td>{t(`role.${token.role}`)}</Table.Td>
            <Table.Td>
              <Ago at={token.made_at} />
            </Table.Td>
            <Table.Td>
              <Button size="compact-sm" variant="default" onClick={() => revoke(token)}>
                {t("tokens.revoke")}
              </Button>
            </Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}

function NewToken({ onClose, onMade }: { onClose: () => void; onMade: () => void }) {
  const { t } = useWords();
  const complaint = useComplaint();
  const [name, setName] = useState("");
  const [role, setRole] = useState<Role>("agent");
  const [made, setMade] = useState<string>();
  const [error, setError] = useState<string>();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    post<{ token: string }>("/tokens", { name, role }).then(
      ({ token }) => {
        setMade(token);
        onMade();
      },
      (failure: unknown) => setError(complaint(failure)),
    );
  };
  return (
    <Modal opened onClose={onClose} title={t("tokens.add")} closeOnClickOutside={made === undefined} closeButtonProps={{ "aria-label": t("app.close_panel") }}>
      {made !== undefined ? (
        <Made token={made} onClose={onClose} />
      ) : (
        <form onSubmit={submit}>
          <Stack gap="sm">
            <TextInput label={t("tokens.name")} description={t("tokens.name_hint")} value={name} onChange={(event) => setName(event.currentTarget.value)} required withAsterisk={false} data-autofocus />
            <Select label={t("tokens.role")} data={(["agent", "supervisor", "admin"] as const).map((each) => ({ value: each, label: t(`role.${each}`) }))} value={role} onChange={(value) => value && setRole(value as Role)} allowDeselect={false} />
            {error && <div role="alert" style={{ color: "var(--sb-danger)" }}>{error}</div>}
            <Group justify="flex-end">
              <Button type="submit">{t("tokens.add")}</Button>
            </Group>
          </Stack>
        </form>
      )}
    </Modal>
  );
}

function Made({ token, onClose }: { token: string; onClose: () => void }) {
  const { t } = useWords();
  return (
    <Stack gap="sm">
      <Alert color="yellow">{t("tokens.once")}</Alert>
      <Code block style={{ overflowWrap: "anywhere", whiteSpace: "pre-wrap" }} data-testid="token-text">
        {token}
      </Code>
      <Group justify="flex-end">
        <CopyButton value={token}>
          {({ copied, copy }) => (
            <Button variant="light" onClick={copy}>
              {t(copied ? "app.copied" : "app.copy")}
            </Button>
          )}
        </CopyButton>
        <Button variant="default" onClick={onClose}>
          {t("tokens.done")}
        </Button>
      </Group>
    </Stack>
  );
}

function Revoke({ token, onClose, onDone }: { token: Token; onClose: () => void; onDone: () => void }) {
  const { t } = useWords();
  const complain = useComplain();
  const revoke = () =>
    call("DELETE", `/tokens/${token.id}`)
      .then(onDone, complain)
      .finally(onClose);
  return (
    <Modal opened onClose={onClose} title={t("tokens.revoke")} size="sm" closeButtonProps={{ "aria-label": t("app.close_panel") }}>
      <p>{t("tokens.revoke_confirm", { name: token.name })}</p>
      <Group justify="flex-end">
        <Button variant="default" onClick={onClose}>
          {t("app.cancel")}
        </Button>
        <Button color="red" onClick={() => void revoke()}>
          {t("tokens.revoke")}
        </Button>
      </Group>
    </Modal>
  );
}
