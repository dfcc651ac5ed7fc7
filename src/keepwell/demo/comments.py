"""What customers write, by language, mood and topic."""

import functools

import numpy as np
import pyarrow as pa

from keepwell.demo.columns import Flags, Ints, only
from keepwell.demo.sampling import between

MOODS = ("unhappy", "lukewarm", "happy")
TOPICS = ("delivery", "quality", "service", "price", "app")
LANGUAGES = ("en", "zh")

# (language, mood) -> for each topic, in the order of TOPICS, three texts.
_TEXTS = {
    ("zh", "unhappy"): (
        ("快递太慢了，等了十天才到。", "物流信息一直不更新，约好的时间没有送到。", "又延误了，送货员也联系不上。"),
        ("茶壶用了两次就裂了，质量太差。", "收到的床单有破洞，很失望。", "电水壶漏水，做工粗糙。"),
        ("客服推来推去，问题一直没解决。", "打了三次电话都没人回复。", "态度冷淡，投诉也没有下文。"),
        ("涨价太多，不值这个价。", "刚买完就降价，还不给退差价。", "比别家贵了一截。"),
        ("手机应用老是闪退，付款失败两次。", "网页打不开，找不到订单。", "登录验证码收不到。"),
    ),
    ("zh", "lukewarm"): (
        ("送货速度一般。", "到货时间和说的差一天。", "物流还行，包装有点简单。"),
        ("质量中规中矩。", "颜色和图片有点差别。", "用着还可以，没有惊喜。"),
        ("客服回复有点慢，最后解决了。", "服务一般般。", "沟通了两次才说清楚。"),
        ("价格还可以接受。", "优惠力度一般。", "希望多一些会员价。"),
        ("应用功能够用，界面有点乱。", "搜索不太好用。", "下单步骤多了点。"),
    ),
    ("zh", "happy"): (
        ("第二天就到了，包装很仔细。", "物流很快，送货员态度好。", "准时送达，非常满意。"),
        ("茶叶很香，茶壶做工精致。", "床品柔软舒服，全家都喜欢。", "质量非常好，会再买。"),
        ("客服耐心专业，十分钟就解决了。", "售后主动回访，很贴心。", "服务态度特别好。"),
        ("性价比高，活动很划算。", "会员价很实惠。", "物有所值。"),
        ("应用好用，下单方便。", "界面清楚，付款顺利。", "积分一目了然。"),
    ),
    ("en", "unhappy"): (
        (
            "Delivery took ten days, far too slow.",
            "The parcel was late again and nobody told me.",
            "The courier never came at the agreed time.",
        ),
        (
            "The teapot cracked after two uses.",
            "The sheets arrived with a hole, very disappointing.",
            "The kettle leaks, poor workmanship.",
        ),
        ("I was passed from one agent to the next.", "Three calls and still no answer.", "Support was rude and did not solve it."),
        ("The price went up and it is not worth it.", "Cheaper elsewhere for the same thing.", "It was reduced the day after I bought it."),
        ("The app crashes at the payment step.", "The site would not load my orders.", "The login code never arrives."),
    ),
    ("en", "lukewarm"): (
        ("Delivery was neither fast nor slow.", "It arrived a day later than promised.", "Shipping was fine, the box was thin."),
        ("The quality is average.", "The colour differs a little from the picture.", "It works, nothing special."),
        ("Support answered in the end.", "The service was all right.", "It took two messages to explain."),
        ("The price is acceptable.", "The discount was small.", "More member prices would be nice."),
        ("The app does the job but looks crowded.", "Search could be better.", "Too many steps to order."),
    ),
    ("en", "happy"): (
        ("It arrived the next day, well packed.", "Fast delivery and a friendly courier.", "Exactly on time, very pleased."),
        ("Lovely tea and a beautiful pot.", "The bedding is soft, the whole family loves it.", "Excellent quality, I will buy again."),
        ("Support solved it within ten minutes.", "They called back to make sure, very kind.", "Helpful and professional service."),
        ("Great value for money.", "The member price is a bargain.", "Worth every penny."),
        ("The app is easy to use.", "Ordering and paying was simple.", "I can see my points at a glance."),
    ),
}
_EACH = 3


@functools.cache
def _all_texts() -> pa.Array:
    return pa.array([text for language in LANGUAGES for mood in MOODS for topic in _TEXTS[language, mood] for text in topic])


def written(rng: np.random.Generator, is_chinese: Flags, mood: Ints, topic: Ints, writes: Flags) -> pa.Array:
    """Comments that fit language, mood and topic, for those who write one."""
    size = len(mood)
    place = ((is_chinese.astype(np.int64) * len(MOODS) + mood) * len(TOPICS) + topic) * _EACH + between(rng, 0, _EACH, size)
    return only(_all_texts().take(pa.array(place)), writes)


def moods(score: Ints, unhappy_to: int, lukewarm_to: int) -> Ints:
    """The mood that fits a score: unhappy up to the one bound, lukewarm up to the other, happy above."""
    return np.where(score <= unhappy_to, 0, np.where(score <= lukewarm_to, 1, 2)).astype(np.int64)
