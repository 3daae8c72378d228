"""Everybody's categories and tags, and how users' own are numbered beside them.

Everybody's are no rows: they stand here, under numbers that never change, since transactions name them by these. Words
and looks may change; one that is no longer wanted keeps its number. A new one takes the next, up to ``OWN_FROM``.

Only two of them are given (contract pika, sections 6 and 7): category 4, Food, and tag 5, Personal.
"""

from collections.abc import Iterable, Mapping

from holdall.domain.bookkeeping.entries import Category, Direction, Look, Tag

OWN_FROM = 1001
"""The first number that a user's own category or tag can have."""
WHITE = "#FFFFFF"

_LISTED: Mapping[Direction, str] = {
    Direction.EXPENSE: """
        1  #DD6B20 shopping-basket Everyday
        2  .       spray-can       Household
        3  .       shirt           Clothing
        4  .       utensils        Food
        5  .       coffee          Eating out
        6  #2F855A house           Home
        7  .       key-round       Rent or mortgage
        8  .       hammer          Repairs
        9  .       sofa            Furniture
        10 #2B6CB0 receipt-text    Bills
        11 .       zap             Electricity
        12 .       flame           Heating and water
        13 .       wifi            Internet
        14 .       smartphone      Phone
        15 #4A5568 route           Transport
        16 .       fuel            Fuel
        17 .       bus             Public transport
        18 .       wrench          Vehicle upkeep
        19 #C53030 heart-pulse     Health
        20 .       stethoscope     Doctor
        21 .       pill            Medicine
        22 .       dumbbell        Fitness
        23 #6B46C1 party-popper    Leisure
        24 .       clapperboard    Films and music
        25 .       palette         Hobbies
        26 .       repeat          Subscriptions
        27 #2C7A7B plane           Travel
        28 .       ticket          Tickets
        29 .       bed             Lodging
        30 #B83280 users           Family
        31 .       baby            Children
        32 .       paw-print       Pets
        33 .       gift            Gifts
        34 #975A16 graduation-cap  Learning
        35 .       presentation    Courses
        36 .       book-open       Books
        37 #742A2A scale           Dues
        38 .       landmark        Taxes
        39 .       umbrella        Insurance
    """,
    Direction.INCOME: """
        40 #276749 briefcase       Work
        41 .       banknote        Salary
        42 .       award           Bonus
        43 .       laptop          Side jobs
        44 #285E61 trending-up     Returns
        45 .       percent         Interest
        46 .       chart-pie       Dividends
        47 #5A67D8 hand-coins      Other income
        48 .       hand-heart      Presents
        49 .       undo-2          Refunds
    """,
    Direction.TRANSFER: """
        50 #4C51BF arrow-left-right    Own accounts
        51 .       banknote-arrow-down Cash taken out
        52 .       banknote-arrow-up   Cash paid in
        53 .       wallet              Topping up
        54 #2A69AC piggy-bank          Putting aside
        55 .       vault               Savings
        56 .       chart-line          Investing
        57 #822727 handshake           Debts
        58 .       credit-card         Credit card
        59 .       calendar-check      Loan payment
    """,
}
"""Number, background (``.``: a child, as its parent above), icon and name."""

_LISTED_TAGS = """
    1  #2B6CB0 repeat        Recurring
    2  #276749 circle-check  Reimbursable
    3  #6B46C1 briefcase     Business
    4  #C53030 siren         Urgent
    5  #DD6B20 user          Personal
    6  #B83280 users         Shared
    7  #2C7A7B plane         Holiday
    8  #975A16 gift          Present
    9  #4A5568 landmark      Tax deductible
    10 #742A2A shield        Under warranty
    11 #5A67D8 shopping-cart Online
    12 #4C51BF calendar      Planned
"""
"""Number, background, icon and name."""


def _categories() -> Iterable[Category]:
    for direction, listed in _LISTED.items():
        parent, bg_color = 0, ""
        for line in listed.strip().splitlines():
            number, given, icon, name = line.split(maxsplit=3)
            is_child = given == "."
            if not is_child:
                parent, bg_color = int(number), given
            look = Look(icon, WHITE, bg_color)
            yield Category(int(number), name, "", look, direction, parent if is_child else None, is_system=True)


def _tags() -> Iterable[Tag]:
    for line in _LISTED_TAGS.strip().splitlines():
        number, bg_color, icon, name = line.split(maxsplit=3)
        yield Tag(int(number), name, "", Look(icon, WHITE, bg_color), is_system=True)


CATEGORIES: Mapping[int, Category] = {each.number: each for each in _categories()}
"""Everybody's, by number."""
TAGS: Mapping[int, Tag] = {each.number: each for each in _tags()}
"""Everybody's, by number."""
