"""Commits one message to the outbox and rolls one back, for a test: outbox_sqlalchemy.py DATABASE EVENT."""

import sys

from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from fanmail_outbox_sqlalchemy import event

engine = create_engine(f"sqlite:///{sys.argv[1]}", connect_args={"timeout": 60})
with Session(engine) as session, session.begin():
    session.execute(event("UPDATED", int(sys.argv[2]), message_id="sqlalchemy"))
with Session(engine) as session:
    session.execute(event("CANCELLED", int(sys.argv[2]), message_id="rolled-back"))
    session.rollback()
