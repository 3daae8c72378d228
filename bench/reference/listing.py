"""Records as most would keep them: SQLAlchemy, one JSON column, a page by LIMIT and OFFSET, attachments by ``IN``."""

from typing import Any

from fastapi import FastAPI
from sqlalchemy import JSON, ForeignKey, Integer, String, create_engine, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship

engine = create_engine("sqlite:///listing.sqlite3")
app = FastAPI()


class Base(DeclarativeBase):
    """What the two are made from."""


class Record(Base):
    """A row with everything in one column."""

    __tablename__ = "records"
    id: Mapped[int] = mapped_column(primary_key=True)
    cells: Mapped[dict[str, Any]] = mapped_column(JSON)
    files: Mapped[list["File"]] = relationship(lazy="selectin")


class File(Base):
    """What hangs on a row."""

    __tablename__ = "files"
    id: Mapped[int] = mapped_column(primary_key=True)
    record_id: Mapped[int] = mapped_column(ForeignKey("records.id"), index=True)
    name: Mapped[str] = mapped_column(String)
    size: Mapped[int] = mapped_column(Integer)


@app.get("/healthz")
def healthz() -> dict[str, str]:
    return {"status": "ok"}


@app.get("/records")
def list_records(sort: str = "", field: str = "", value: str = "", offset: int = 0, limit: int = 100) -> dict[str, Any]:
    statement = select(Record)
    if field:
        cell = Record.cells[field]
        statement = statement.where(cell.as_float() == float(value) if _is_number(value) else cell.as_string() == value)
    if sort:
        name = sort.removeprefix("-")
        cell = Record.cells[name].as_float() if name == "Amount" else Record.cells[name].as_string()
        statement = statement.order_by(cell.desc() if sort.startswith("-") else cell)
    statement = statement.order_by(Record.id).limit(limit).offset(offset)
    with Session(engine) as session:
        records = session.scalars(statement).all()
        shown = [
            {
                "id": each.id,
                "fields": each.cells,
                "files": [{"name": file.name, "size": file.size} for file in each.files],
            }
            for each in records
        ]
    return {"records": shown, "next": offset + limit}


def _is_number(value: str) -> bool:
    return value.replace(".", "", 1).isdigit()
