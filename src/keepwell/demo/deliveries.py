"""Which system delivers what in which file, parents before children, and the mappings of those with words of their own."""

import json
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from keepwell.demo.contacts import CHANNEL_WORDS, DIRECTION_WORDS, MESSENGER, ROLE_WORDS
from keepwell.demo.duplicates import CRM, KIND_WORDS, REGION_WORDS
from keepwell.demo.files import WRITERS
from keepwell.demo.timeline import TIME_ZONE

MAIN = "main"


@dataclass(frozen=True)
class Delivery:
    """Files to import together: by ``entity`` where they use the canonical names, else by ``mapping``."""

    name: str
    files: tuple[Path, ...]
    entities: tuple[str, ...]
    entity: str | None
    mapping: Path | None
    source: str
    note: str


@dataclass(frozen=True)
class _Shipment:
    """One file as it is planned. ``header`` renames canonical columns, ``values`` are the words that the file uses for ours."""

    path: str
    entity: str
    writer: str = "csv"
    source: str = MAIN
    header: dict[str, str] = field(default_factory=dict)
    values: dict[str, dict[str, str]] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)
    note: str = "UTF-8"


_LOCAL = {"timezone": TIME_ZONE}
_CRM_CUSTOMERS = {
    "customer_id": "客户编号",
    "name": "姓名",
    "email": "电子邮箱",
    "phone": "手机号",
    "kind": "类型",
    "city": "城市",
    "region": "大区",
    "created_at": "建档时间",
}
_CONTACTS = {
    "contact_id": "联系人编号",
    "customer_id": "所属客户",
    "name": "联系人",
    "email": "邮箱",
    "phone": "手机",
    "title": "职位",
    "decision_role": "决策角色",
    "active_from": "开始日期",
    "active_to": "结束日期",
}
_LEADS = {
    "lead_id": "线索编号",
    "created_at": "录入时间",
    "source_channel": "线索来源",
    "campaign_id": "营销活动",
    "owner_id": "跟进人",
    "qualified_at": "确认时间",
    "lost_at": "关闭时间",
    "converted_at": "转化时间",
    "customer_id": "转化客户",
}
_OPPORTUNITIES = {
    "opportunity_id": "商机编号",
    "customer_id": "客户编号",
    "lead_id": "线索编号",
    "owner_id": "负责人",
    "stage": "销售阶段",
    "amount": "预计金额",
    "currency": "币种",
    "probability": "概率",
    "expected_close_at": "预计成交时间",
    "created_at": "创建时间",
    "closed_at": "关闭时间",
    "outcome": "结果",
}
_INTERACTIONS = {
    "interaction_id": "记录编号",
    "customer_id": "客户编号",
    "contact_id": "联系人编号",
    "occurred_at": "跟进时间",
    "channel": "跟进方式",
    "direction": "呼叫方向",
    "employee_id": "跟进人",
    "subject": "主题",
    "body": "跟进内容",
    "duration_s": "通话时长",
}
_PAYMENTS = {
    "payment_id": "DocumentNo",
    "customer_id": "Debtor",
    "order_id": "Order",
    "contract_id": "Contract",
    "due_at": "Due",
    "paid_at": "Settled",
    "amount_due": "Gross",
    "amount_paid": "Received",
    "currency": "Cur",
}
_TICKETS = {
    "ticket_id": "id",
    "customer_id": "requester_id",
    "employee_id": "assignee_id",
    "team": "group",
    "kind": "type",
    "opened_at": "created_at",
}
_CHINESE = "GB18030, Chinese header, local time"

# Name -> shipment. Parents stand before their children.
SHIPMENTS: dict[str, _Shipment] = {
    "regions": _Shipment("hr/regions.csv", "regions"),
    "teams": _Shipment("hr/teams.csv", "teams"),
    "employees": _Shipment("hr/employees.csv", "employees"),
    "channels": _Shipment("marketing/channels.csv", "channels"),
    "campaigns": _Shipment("marketing/campaigns.csv", "campaigns"),
    "fx_rates": _Shipment("finance/fx_rates.csv", "fx_rates"),
    "calendar": _Shipment("hr/calendar.csv", "calendar"),
    "business_hours": _Shipment("hr/business_hours.csv", "business_hours"),
    "quotas": _Shipment("hr/quotas.csv", "quotas"),
    "products": _Shipment("shop/products.csv", "products"),
    "customers": _Shipment("shop/customers.csv", "customers"),
    "identities": _Shipment("wechat/identities.csv", "identities"),
    "consents": _Shipment("shop/consents.csv", "consents"),
    "orders": _Shipment("shop/orders.parquet", "orders", "parquet", note="Parquet"),
    "order_lines": _Shipment("shop/order_lines.parquet", "order_lines", "parquet", note="Parquet"),
    "contacts": _Shipment(
        "crm/联系人.csv", "contacts", "gb18030", header=_CONTACTS, values={"decision_role": ROLE_WORDS}, settings=_LOCAL, note=_CHINESE
    ),
    "leads": _Shipment("crm/线索.csv", "leads", "gb18030", header=_LEADS, settings=_LOCAL, note=_CHINESE),
    "opportunities": _Shipment("crm/商机.csv", "opportunities", "gb18030", header=_OPPORTUNITIES, settings=_LOCAL, note=_CHINESE),
    "stage_changes": _Shipment("crm/stage_changes.csv", "stage_changes"),
    "contracts": _Shipment("finance/contracts.csv", "contracts"),
    "subscriptions": _Shipment("shop/subscriptions.csv", "subscriptions"),
    "payments": _Shipment(
        "finance/open_items.csv",
        "payments",
        "european",
        header=_PAYMENTS,
        settings={**_LOCAL, "dates": "%d.%m.%Y", "decimal": ","},
        note="UTF-8, semicolons, European dates and decimals",
    ),
    "usage": _Shipment("shop/usage.parquet", "usage", "parquet", note="Parquet"),
    "tickets": _Shipment(
        "help_desk/tickets.jsonl", "tickets", "jsonl", header=_TICKETS, settings=_LOCAL, note="JSON lines, the help desk's names"
    ),
    "ticket_events": _Shipment("help_desk/ticket_events.jsonl", "ticket_events", "jsonl", note="JSON lines"),
    "interactions": _Shipment(
        "crm/跟进记录.csv",
        "interactions",
        "gb18030",
        header=_INTERACTIONS,
        values={"channel": CHANNEL_WORDS, "direction": DIRECTION_WORDS},
        settings=_LOCAL,
        note=_CHINESE,
    ),
    "messages": _Shipment("wechat/messages.csv", "interactions", source=MESSENGER, note="UTF-8, the messenger's customer ids"),
    "tasks": _Shipment("crm/tasks.csv", "tasks"),
    "responses": _Shipment("surveys/responses.csv", "responses"),
    "invitations": _Shipment("surveys/invitations.csv", "invitations"),
    "cases": _Shipment("surveys/cases.csv", "cases"),
    "mentions": _Shipment("surveys/mentions.csv", "mentions"),
    "costs": _Shipment("marketing/costs.csv", "costs"),
    "exposures": _Shipment("marketing/exposures.csv", "exposures"),
    "visits": _Shipment("marketing/visits.parquet", "visits", "parquet", note="Parquet"),
    "programmes": _Shipment("loyalty/programmes.csv", "programmes"),
    "memberships": _Shipment("loyalty/memberships.csv", "memberships"),
    "loyalty_entries": _Shipment("loyalty/loyalty_entries.parquet", "loyalty_entries", "parquet", note="Parquet"),
    "referrals": _Shipment("loyalty/referrals.csv", "referrals"),
    "crm_customers": _Shipment(
        "crm/客户.csv",
        "customers",
        "gb18030",
        source=CRM,
        header=_CRM_CUSTOMERS,
        values={"kind": KIND_WORDS, "region": REGION_WORDS},
        settings=_LOCAL,
        note=f"{_CHINESE}; the CRM's own customer ids, most of them customers of the shop",
    ),
    "crm_calls": _Shipment("crm/calls.csv", "interactions", source=CRM, note="UTF-8, the CRM's own customer ids"),
    "pop_up_orders": _Shipment("shop/pop_up_orders.csv", "orders", note="UTF-8, some lines are wrong: see truths.json"),
}


@dataclass(frozen=True)
class Outbox:
    """Writes the files of a business below a folder."""

    folder: Path

    def put(self, name: str, table: pa.Table) -> None:
        """Writes the table as the file of that shipment, with its mapping where it needs one."""
        shipment = SHIPMENTS[name]
        renamed = table.rename_columns([shipment.header.get(column, column) for column in table.column_names])
        WRITERS[shipment.writer](renamed, self._path(shipment))
        if shipment.header:
            columns = {column: shipment.header.get(column, column) for column in table.column_names}
            self._write_mapping(shipment, columns)

    def put_text(self, name: str, text: str) -> None:
        """Writes the file of that shipment as it is."""
        self._path(SHIPMENTS[name]).write_text(text, encoding="utf-8", newline="")

    def deliveries(self) -> tuple[Delivery, ...]:
        """What there is to import, in an order in which parents come before their children."""
        return tuple(
            Delivery(
                name=name,
                files=(self._path(shipment),),
                entities=(shipment.entity,),
                entity=None if shipment.header else shipment.entity,
                mapping=self._mapping_path(shipment) if shipment.header else None,
                source=shipment.source,
                note=shipment.note,
            )
            for name, shipment in SHIPMENTS.items()
        )

    def _path(self, shipment: _Shipment) -> Path:
        path = self.folder / shipment.path
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def _mapping_path(self, shipment: _Shipment) -> Path:
        return self.folder / "mappings" / f"{'_'.join(dict.fromkeys((shipment.path.split('/')[0], shipment.entity)))}.yaml"

    def _write_mapping(self, shipment: _Shipment, columns: dict[str, str]) -> None:
        lines = ["version: 1", f"files: [{_quoted(Path(shipment.path).name)}]"]
        lines += [f"{name}: {_quoted(value)}" for name, value in shipment.settings.items()]
        lines += ["entities:", f"  {shipment.entity}:", "    columns:"]
        lines += [f"      {name}: {_quoted(header)}" for name, header in columns.items()]
        if shipment.values:
            lines.append("    values:")
        for name, meanings in shipment.values.items():
            pairs = ", ".join(f"{_quoted(theirs)}: {_quoted(ours)}" for theirs, ours in meanings.items())
            lines.append(f"      {name}: {{{pairs}}}")
        path = self._mapping_path(shipment)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join([*lines, ""]), encoding="utf-8", newline="\n")


def _quoted(text: str) -> str:
    """The text as YAML reads it whatever it holds: a JSON string."""
    return json.dumps(text, ensure_ascii=False)
