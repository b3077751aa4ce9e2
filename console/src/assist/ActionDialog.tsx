/** One action: its form, what has to be confirmed, and the button. */

import { Alert, Button, Checkbox, Group, Loader, Modal, Text } from "@mantine/core";
import { useState } from "react";
import type { ActionBrief, ActionForm } from "../api/assist";
import { useWords } from "../i18n";
import { FieldView } from "./FieldView";
import { useForm } from "./useForm";

export function ActionDialog({ conversation, action, onClose }: { conversation: string; action: ActionBrief; onClose: () => void }) {
  const { t } = useWords();
  const { form, given, busy, failure, change, check, press, pressing } = useForm(conversation, action, onClose);
  const [checked, setChecked] = useState(false);
  return (
    <Modal opened onClose={onClose} title={action.title} size="md" closeButtonProps={{ "aria-label": t("app.close_panel") }} data-testid="action-dialog">
      {action.about && (
        <Text size="sm" c="dimmed" mb="sm">
          {action.about}
        </Text>
      )}
      {action.needs_check && (
        <Checkbox
          mb="sm"
          checked={checked}
          onChange={(event) => {
            setChecked(event.currentTarget.checked);
            check(event.currentTarget.checked);
          }}
          label={t("assist.checked")}
          description={t("assist.checked_hint")}
          data-testid="action-checked"
        />
      )}
      {failure && (
        <Alert color="red" mb="sm" role="alert" data-testid="action-failure">
          {failure}
        </Alert>
      )}
      {!form && !failure && <Loader size="sm" role="status" aria-label={t("app.loading")} />}
      {form && (
        <form
          className="action-form"
          onSubmit={(event) => {
            event.preventDefault();
            press();
          }}
        >
          {form.inputs.map((field, index) => (
            <FieldView key={field.name} field={field} value={given[field.name]} change={(value) => change(field.name, value)} first={index === 0} />
          ))}
          <Confirm form={form} />
          <Group justify="flex-end">
            {busy && <Loader size={16} aria-hidden />}
            <Button variant="default" onClick={onClose}>
              {t("app.cancel")}
            </Button>
            <Button type="submit" disabled={!form.ready || busy} loading={pressing} data-testid="action-press">
              {t(form.effect ? "assist.do" : "assist.look_up")}
            </Button>
          </Group>
        </form>
      )}
    </Modal>
  );
}

function Confirm({ form }: { form: ActionForm }) {
  return (
    <div aria-live="polite">
      {form.confirm && (
        <p className="confirm foreign" dir="auto" data-testid="action-confirm">
          {form.confirm}
        </p>
      )}
    </div>
  );
}
