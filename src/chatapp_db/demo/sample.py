"""The demo's own small world: two companies that book for their guests, and what was said there."""

from __future__ import annotations

from dataclasses import dataclass

from chatapp_db.demo.dialogues import Dialogue
from chatapp_db.schema import MessageRole

__all__ = ["COMPANIES", "DIALOGUES", "GUESTS", "QUESTION", "SampleCompany"]


@dataclass(frozen=True, slots=True)
class SampleCompany:
    """A company to be: its name, its agent's, and the passages that agent answers from."""

    name: str
    slug: str
    agent: str
    passages: tuple[str, ...]


COMPANIES = (
    SampleCompany(
        "Harbour Concierge",
        "harbour-concierge",
        "Pelican",
        (
            "A reserved table is held for fifteen minutes. If you are late, write to us and we call the "
            "restaurant; after that it may give the table away.",
            "A hotel room can be cancelled free of charge until six in the evening on the day before.",
            "Concert tickets are sent by e-mail and cannot be returned, but we can pass them on to another "
            "guest and refund what they paid.",
            "A rental car is handed over at the harbour office against a driving licence and a deposit of "
            "two hundred euros.",
            "Flights can be moved once without a fee. A name on a ticket cannot be changed.",
            "Our people answer from seven in the morning until midnight; the assistant answers at any hour.",
        ),
    ),
    SampleCompany(
        "Summit Concierge",
        "summit-concierge",
        "Marmot",
        (
            "Tables in our mountain huts are held for half an hour: nobody knows what the lift will do. "
            "If you are late, tell us.",
            "A cabin can be cancelled until a week before arrival; after that we keep half of the price.",
            "Lift passes are valid on any five days of a season and are refunded when the lifts stand still.",
            "Guides are booked by the day. In a storm the guide decides, and the day is moved without a fee.",
            "The last bus to the valley leaves at nine; a taxi after that takes forty minutes.",
            "Skis and boots are handed out from eight in the morning at the valley station.",
        ),
    ),
)

QUESTION = "We are late! How long is our table held, and what if we cancel the hotel or the cabin?"

GUESTS = (
    "Ada Lindqvist",
    "Bruno Okafor",
    "Chiara Novak",
    "Dmitri Haas",
    "Esi Tanaka",
    "Farid Moreau",
    "Greta Silva",
    "Hugo Petrov",
    "Ines Bakker",
    "Jonas Adeyemi",
    "Keiko Brandt",
    "Luca Farkas",
)


def _dialogue(number: int, service: str, *texts: str) -> Dialogue:
    """Write a dialogue down as what is said in turns, the guest first."""
    roles = (MessageRole.USER, MessageRole.ASSISTANT)
    turns = tuple((roles[place % 2], text) for place, text in enumerate(texts))
    return Dialogue(dialogue_id=f"sample/{number:02}", turns=turns, services=(service,))


# Taken in turns: the first is Harbour's, the second Summit's, and so on.
DIALOGUES = (
    _dialogue(
        1,
        "restaurants",
        "Hello, could you get us a table by the water for tonight?",
        "With pleasure. How many are you, and at what time?",
        "Four of us, around eight.",
        "The Blue Anchor has a table for four at a quarter past eight, outside. Shall I take it?",
        "Yes please, under Lindqvist.",
        "Done: Blue Anchor, 20:15, four people, Lindqvist. They hold it for fifteen minutes.",
    ),
    _dialogue(
        2,
        "restaurants",
        "Is the hut at the upper lift open for lunch on Sunday?",
        "It is, from eleven until three. Would you like a table?",
        "For two at noon, and one of us eats no meat.",
        "Booked for two at noon, and the kitchen knows. There is barley soup and a cheese dumpling.",
    ),
    _dialogue(
        3,
        "hotels",
        "I have to cancel the room for tomorrow, my train was called off.",
        "I am sorry to hear that. It is before six, so the room costs you nothing. Shall I cancel it?",
        "Please do. Could you look for the same room a week later?",
        "It is free from the ninth to the twelfth at the same price.",
        "I will take it.",
        "It is yours. The confirmation is in your mailbox.",
        "Thank you, that was quick.",
    ),
    _dialogue(
        4,
        "guides",
        "The forecast says storm for Thursday. What becomes of our tour?",
        "Your guide decides on Wednesday evening. If it is moved, that costs you nothing.",
        "And if Friday is no good for us?",
        "Then we refund the day in full.",
        "Good to know. We wait for Wednesday, then.",
    ),
    _dialogue(
        5,
        "events",
        "Are there still tickets for the organ concert?",
        "Eleven, in the side aisle, for eighteen euros each.",
        "Three, please.",
        "Three tickets are on their way to you by e-mail.",
    ),
    _dialogue(
        6,
        "lifts",
        "The cable car stood still all day yesterday. Do we get our money back?",
        "Yes: for every day the lifts stand still the pass is refunded. Which number is on yours?",
        "It ends in 4471, and my wife's in 4472.",
        "Both days are refunded, you will see it within the week.",
    ),
    _dialogue(
        7,
        "cars",
        "Can my husband drive the car that I booked?",
        "He can, if he brings his licence to the harbour office when you pick it up.",
        "We land at eleven at night. Is anybody there?",
        "Until midnight. Should your flight be late, write to us and somebody waits.",
    ),
    _dialogue(
        8,
        "buses",
        "How do we get down to the valley after the dinner?",
        "The last bus leaves at nine. After that I can send a taxi, it takes forty minutes.",
        "A taxi at half past ten for five people, please.",
    ),
    _dialogue(
        9,
        "flights",
        "I need to fly home a day earlier than booked.",
        "You may move the flight once without a fee. There are seats at 9:40 and at 17:05.",
        "The later one.",
        "Moved to 17:05. The new ticket is in your mailbox, the old one is void.",
        "Perfect, thanks!",
        "Have a good journey.",
    ),
    _dialogue(
        10,
        "skis",
        "My boots hurt. Can I change them on the mountain?",
        "Only at the valley station, which is open until five. Shall I tell them that you are coming?",
        "Yes, I will be there at four. I need one size more.",
        "They have a pair ready for you.",
    ),
)
