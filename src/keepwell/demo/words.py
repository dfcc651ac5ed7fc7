"""Names of people, companies, places and goods, in Chinese and English."""

SURNAMES = (
    *(("王", "wang"), ("李", "li"), ("张", "zhang"), ("刘", "liu"), ("陈", "chen"), ("杨", "yang"), ("赵", "zhao"), ("黄", "huang")),
    *(("周", "zhou"), ("吴", "wu"), ("徐", "xu"), ("孙", "sun"), ("胡", "hu"), ("朱", "zhu"), ("高", "gao"), ("林", "lin")),
    *(("何", "he"), ("郭", "guo"), ("马", "ma"), ("罗", "luo"), ("梁", "liang"), ("宋", "song"), ("郑", "zheng"), ("谢", "xie")),
    *(("韩", "han"), ("唐", "tang"), ("冯", "feng"), ("于", "yu"), ("董", "dong"), ("萧", "xiao"), ("程", "cheng"), ("曹", "cao")),
    *(("袁", "yuan"), ("邓", "deng"), ("许", "xu"), ("傅", "fu"), ("沈", "shen"), ("曾", "zeng"), ("彭", "peng"), ("欧阳", "ouyang")),
)
GIVEN_NAMES = (
    *(("伟", "wei"), ("芳", "fang"), ("娜", "na"), ("敏", "min"), ("静", "jing"), ("丽", "li"), ("强", "qiang"), ("磊", "lei")),
    *(("军", "jun"), ("洋", "yang"), ("勇", "yong"), ("艳", "yan"), ("杰", "jie"), ("涛", "tao"), ("明", "ming"), ("超", "chao")),
    *(("秀英", "xiuying"), ("桂英", "guiying"), ("建国", "jianguo"), ("建华", "jianhua"), ("志强", "zhiqiang"), ("晓明", "xiaoming")),
    *(("雨桐", "yutong"), ("子涵", "zihan"), ("梓萱", "zixuan"), ("浩然", "haoran"), ("欣怡", "xinyi"), ("诗涵", "shihan")),
    *(("宇轩", "yuxuan"), ("思远", "siyuan"), ("佳怡", "jiayi"), ("文博", "wenbo"), ("嘉豪", "jiahao"), ("俊杰", "junjie")),
    *(("若曦", "ruoxi"), ("一诺", "yinuo"), ("梦瑶", "mengyao"), ("天宇", "tianyu"), ("海燕", "haiyan"), ("春梅", "chunmei")),
)
FIRST_NAMES = (
    *("Ana", "Ben", "Clara", "David", "Emma", "Felix", "Grace", "Henry", "Isla", "Jack", "Kate", "Liam", "Mia", "Noah", "Olga", "Peter"),
    *(
        "Quinn",
        "Rosa",
        "Sam",
        "Tara",
        "Uwe",
        "Vera",
        "Will",
        "Xenia",
        "Yusuf",
        "Zoe",
        "Alice",
        "Bruno",
        "Chloe",
        "Daniel",
        "Elena",
        "Frank",
    ),
)
LAST_NAMES = (
    *("Adams", "Baker", "Clark", "Davies", "Evans", "Fischer", "Green", "Hughes", "Irving", "Jones", "Keller", "Lewis", "Miller", "Nolan"),
    *(
        "Owens",
        "Parker",
        "Quincy",
        "Roberts",
        "Schmidt",
        "Taylor",
        "Underwood",
        "Vogel",
        "Walker",
        "Young",
        "Zimmermann",
        "Becker",
        "Carter",
    ),
)
BRANDS = (
    *(("晨光", "Dawn"), ("远航", "Voyage"), ("青山", "Greenhill"), ("金桥", "Goldbridge"), ("银河", "Galaxy"), ("东升", "Sunrise")),
    *(("海润", "Seawell"), ("华信", "Truewood"), ("明德", "Clearwater"), ("天成", "Skyline"), ("瑞丰", "Harvest"), ("恒达", "Steadfast")),
    *(("云帆", "Cloudsail"), ("立新", "Newfield"), ("百川", "Rivers"), ("同心", "Concord"), ("长青", "Evergreen"), ("星辰", "Starfield")),
)
TRADES = (
    *(
        ("酒店", "Hotels", "hospitality"),
        ("餐饮", "Dining", "restaurants"),
        ("设计", "Design", "design"),
        ("科技", "Technology", "software"),
    ),
    *(
        ("物业", "Property", "real estate"),
        ("教育", "Education", "education"),
        ("医疗", "Clinics", "health care"),
        ("贸易", "Trading", "wholesale"),
    ),
)
# Region -> its cities, in the language spoken there.
CITIES = {
    "East": ("上海", "杭州", "南京", "苏州", "宁波", "合肥", "济南", "青岛"),
    "North": ("北京", "天津", "石家庄", "太原", "沈阳", "大连"),
    "South": ("广州", "深圳", "厦门", "福州", "东莞", "佛山"),
    "West": ("成都", "重庆", "西安", "昆明", "贵阳", "兰州"),
    "Europe": ("London", "Manchester", "Berlin", "Munich", "Hamburg", "Bristol"),
    "America": ("New York", "Seattle", "Austin", "Boston", "San Francisco", "Denver"),
}
COUNTRY_OF_CITY = dict.fromkeys(("London", "Manchester", "Bristol"), "GB") | dict.fromkeys(("Berlin", "Munich", "Hamburg"), "DE")
ROADS = (
    ("人民路", "High Street"),
    ("中山路", "Station Road"),
    ("解放路", "Church Lane"),
    ("建设路", "Mill Road"),
    ("长江路", "Park Avenue"),
    ("文化路", "Garden Street"),
)
OCCUPATIONS = ("engineer", "teacher", "nurse", "designer", "manager", "student", "retired", "self-employed", "civil servant", "sales")
INCOME_BANDS = ("low", "middle", "upper middle", "high")
COMPANY_SIZES = ("1-9", "10-49", "50-249", "250+")
JOB_TITLES = (
    *(
        ("总经理", "Managing director"),
        ("采购经理", "Purchasing manager"),
        ("行政主管", "Office manager"),
        ("财务总监", "Finance director"),
    ),
    *(("运营经理", "Operations manager"), ("IT 主管", "Head of IT")),
)
# Category -> its products: Chinese name, English name, price and cost in yuan.
PRODUCTS = {
    "Tea": (
        *(("西湖龙井", "Longjing green tea", 188, 82), ("祁门红茶", "Keemun black tea", 128, 55), ("铁观音", "Tieguanyin oolong", 158, 70)),
        *(("白毫银针", "Silver needle white tea", 298, 140), ("茉莉花茶", "Jasmine tea", 88, 36), ("普洱茶饼", "Pu'er tea cake", 268, 120)),
    ),
    "Teaware": (
        *(("紫砂茶壶", "Yixing teapot", 368, 150), ("青瓷茶杯", "Celadon cup", 58, 21), ("竹制茶盘", "Bamboo tea tray", 168, 70)),
        *(("玻璃公道杯", "Glass pitcher", 78, 28), ("旅行茶具", "Travel tea set", 228, 98), ("茶叶罐", "Tea caddy", 98, 37)),
    ),
    "Kitchen": (
        *(("铸铁锅", "Cast-iron pot", 328, 160), ("中式菜刀", "Chef's cleaver", 198, 84), ("竹砧板", "Bamboo board", 88, 35)),
        *(("骨瓷餐具", "Bone china set", 458, 220), ("保温壶", "Thermos jug", 138, 60), ("电水壶", "Electric kettle", 258, 130)),
    ),
    "Bedding": (
        *(("桑蚕丝被", "Silk quilt", 898, 460), ("纯棉床单", "Cotton sheets", 268, 118), ("荞麦枕", "Buckwheat pillow", 118, 46)),
        *(("羊毛毯", "Wool blanket", 398, 190), ("亚麻被套", "Linen cover", 428, 200), ("乳胶枕", "Latex pillow", 218, 95)),
    ),
    "Lighting": (
        *(("护眼台灯", "Desk lamp", 238, 110), ("纸艺吊灯", "Paper pendant", 328, 140), ("智能灯泡", "Smart bulb", 68, 30)),
        *(("落地灯", "Floor lamp", 498, 235), ("夜灯", "Night light", 58, 22), ("灯带", "Light strip", 98, 42)),
    ),
    "Home": (
        *(("香薰机", "Aroma diffuser", 158, 68), ("实木衣架", "Wooden hangers", 48, 18), ("收纳箱", "Storage box", 78, 31)),
        *(("空气净化器", "Air purifier", 1298, 720), ("除湿机", "Dehumidifier", 998, 560), ("挂钟", "Wall clock", 138, 58)),
    ),
}
PAIR = ("紫砂茶壶", "茶叶罐")  # whoever buys the first takes the second along
COMPETITORS = ("Muse Home", "茗居")
