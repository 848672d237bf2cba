"""Entries that only one of the cities keeps. Their headings begin at 101, so that those of all cities have room below."""
import datetime

from entries import day, entry, items


def entries(p):
    return {"changsha": changsha, "zhuzhou": zhuzhou, "xiangtan": xiangtan}[p.id](p)


def changsha(p):
    def metro():
        rng = p.seeded("轨道交通站点示例")
        for line in range(1, 7):
            for stop in range(1, rng.randrange(14, 24)):
                yield [f"示例{line}号线", stop, f"示例轨道站{line}-{stop:02d}", p.county(rng)["code"], rng.choice(["否", "否", "否", "是"]), f"{rng.uniform(0.7, 2.1):.2f}"]

    def museums():
        rng = p.seeded("文化场馆示例")
        for i in range(1, 39):
            yield [f"长沙示例{rng.choice(['博物馆', '图书馆', '文化馆', '美术馆'])}{i:02d}", p.county(rng)["code"], rng.choice(["是", "是", "否"]), rng.randrange(300, 12000, 100)]

    def pensions():
        """Forms of real documents that nobody can hold: the check digits of id numbers and cards are wrong, and 140 is no prefix of persons' phones."""
        rng = p.seeded("养老待遇示例")
        for i in range(1, 121):
            county, born = p.county(rng), day(rng, "1940-01-01", "1966-09-30")
            number = f"{county['code']}{born:%Y%m%d}{rng.randrange(1, 999):03d}"
            check = "10X98765432"[(sum(int(d) * w for d, w in zip(number, [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2])) + rng.randrange(1, 11)) % 11]
            card = f"622200{i:012d}"
            luhn = sum(sum(divmod(int(d) * (2 - k % 2), 10)) for k, d in enumerate(reversed(card)))
            yield [f"{rng.choice(['张', '王', '李', '刘', '欧阳'])}示例", number + check, f"140{rng.randrange(10 ** 8):08d}", f"湖南省长沙市{county['name']}示例路{rng.randrange(1, 200)}号", born,
                   f"{card}{(11 - luhn % 10) % 10}", rng.choice(["正常领取", "正常领取", "暂停"]), f"{rng.randrange(180, 4200)}.00", county["code"]]

    return [
        entry("人力资源和社会保障局", 101, "长沙市城乡居民养老待遇领取（示例）", "城乡居民养老待遇的领取人和领取状态，内容为虚构示例。", "社会保障", "c",
              items("姓名 person_name C60 *；证件号码 document_no C30 *；联系电话 phone C20 *；居住地址 address C200 *；出生日期 born_on D *；银行卡号 card_no C30 *；领取状态 pension_state C10；月待遇 monthly_amount Y *；区划代码 county_code C6"),
              grade=4, scope="株洲、湘潭人力资源社会保障部门", purpose="防止跨城市重复领取", rows=pensions),
        entry("交通运输局", 101, "长沙市轨道交通线路站点（示例）", "轨道交通线路、站序和换乘，内容为虚构示例。", "交通", "u",
              items("线路名称 line_name C40；站序 stop_no I；站点名称 stop_name C60；区划代码 county_code C6；是否换乘站 interchange L；站间距离公里 distance_km N6"), cycle="每半年", is_open=True, related=[("交通运输局", 1)], rows=metro),
        entry("交通运输局", 102, "长沙市轨道交通断面客流（示例）", "轨道交通十五分钟断面客流，以服务接口提供，内容为虚构示例。", "交通", "c",
              items("线路名称 line_name C40；区间 section C100；时段 period_from T；客流 passengers I"), form="服务接口", cycle="实时", grade=2, scope="株洲、湘潭交通运输部门", purpose="长株潭城际运力衔接"),
        entry("文化旅游广电局", 101, "长沙市公共文化场馆名录（示例）", "公共文化场馆的位置和预约要求，内容为虚构示例。", "公共服务", "u",
              items("场馆名称 venue_name C100；区划代码 county_code C6；是否需预约 booking L；日接待上限 daily_limit I"), cycle="每季度", is_open=True, rows=museums),
        entry("城市管理和综合执法局", 101, "长沙市城市管理部件（示例）", "井盖、路灯等城市部件的编号和权属，内容为虚构示例。", "执法", "u",
              items("部件编号 part_no C40；部件类别 part_kind C20；权属单位 owner_name C200；现场照片 picture G c"), form="图形图像/gif", cycle="每月", reason="现场照片仅供城市管理、公安部门处置案件使用"),
        entry("城市管理和综合执法局", 102, "长沙市渣土运输许可（示例）", "渣土运输企业和车辆的许可，内容为虚构示例。", "审批", "c",
              items("许可编号 permit_no C40；企业名称 holder_name C200；车牌号码 plate_no C20；驾驶员姓名 driver_name C60 *；有效期至 valid_until D"), form="电子表格/xlsx", cycle="每周", grade=2, scope="株洲、湘潭城市管理、公安、交通运输部门", purpose="跨城渣土运输联合执法"),
        entry("商务局", 101, "长沙市跨境电商企业（示例）", "跨境电商综合试验区备案企业，内容为虚构示例。", "贸易", "u",
              items("备案编号 filing_no C40；企业名称 entity_name C200；平台名称 platform C100"), form="自描述格式/json", cycle="每月"),
        entry("民政局", 101, "长沙市收养登记（示例）", "依法保守秘密的收养登记，仅登记目录，不提供数据；本条为虚构示例。", "人口", "r",
              items("登记编号 registration_no C40 *；登记日期 registered_on D"), cycle="不定期", grade=4, reason="收养人、送养人要求保守收养秘密的，不得泄露", law="《中华人民共和国民法典》第一千一百一十条"),
    ]


def zhuzhou(p):
    def rail():
        rng = p.seeded("轨道装备企业示例")
        for i in range(1, 74):
            yield [f"示例主体430200{i:05d}", f"株洲示例轨道装备企业{i:03d}（示例）", p.county(rng)["code"], rng.choice(["整车", "牵引系统", "制动系统", "转向架", "检测服务"]), rng.randrange(20, 3000), rng.choice(["是", "否", "否"])]

    def subsidies():
        rng = p.seeded("惠农补贴示例")
        for i in range(1, 141):
            name, document = p.person(i * 2)
            yield [document, name, rng.choice(["耕地地力保护补贴", "农机购置补贴", "稻谷补贴"]), f"{rng.randrange(60, 4200)}.50", day(rng, "2026-01-10", "2026-09-20"), p.county(rng)["code"]]

    return [
        entry("工业和信息化局", 101, "株洲市轨道交通装备产业链企业（示例）", "轨道交通装备产业链各环节企业，内容为虚构示例。", "工业", "u",
              items("主体编号 entity_no C40；企业名称 entity_name C200；所在区划代码 county_code C6；产业链环节 chain_link C20；用工人数 workers I；是否链主企业 leader L"), cycle="每季度", grade=2, related=[("工业和信息化局", 1)], rows=rail),
        entry("工业和信息化局", 102, "株洲市装备企业产能利用（示例）", "装备制造企业的月度产能利用情况，内容为虚构示例。", "工业", "c",
              items("主体编号 entity_no C40；统计月份 for_month C7；产能利用率 use_rate F；在手订单金额 orders Y r"), form="数据库/oracle", cycle="每月", grade=3, scope="长沙、湘潭工业和信息化部门", purpose="产业链供应链协同"),
        entry("应急管理局", 101, "株洲市烟花爆竹安全生产许可（示例）", "烟花爆竹生产企业的许可和检查结果，内容为虚构示例。", "应急", "u",
              items("许可证编号 permit_no C40；企业名称 holder_name C200；许可范围 range_of_permit M；有效期至 valid_until D；检查隐患 findings M c"), form="电子表格/et", cycle="每月", grade=2, is_open=False, reason="检查隐患仅供应急管理、公安部门使用"),
        entry("财政局", 101, "株洲市惠农补贴一卡通发放（示例）", "惠农补贴的发放对象和金额，内容为虚构示例。", "金融", "c",
              items("证件号码 document_no C30 *；姓名 person_name C60 *；补贴项目 subsidy_kind C40；发放金额 amount Y *；发放日期 paid_on D；区划代码 county_code C6"), cycle="每季度", grade=3, scope="省内财政、农业农村、民政部门", purpose="补贴资格比对和防止跨城市重复申领", rows=subsidies),
        entry("财政局", 102, "株洲市政府采购合同公告（示例）", "政府采购合同的公告信息，内容为虚构示例。", "公共服务", "u",
              items("合同编号 contract_no C40；采购单位 buyer_name C200；供应商名称 supplier_name C200；合同金额 amount Y；公告日期 announced_on D"), form="电子文件/pdf", cycle="每日", is_open=True),
        entry("商务局", 101, "株洲市服饰市场群商户（示例）", "服饰专业市场的商户和经营品类，内容为虚构示例。", "贸易", "u",
              items("商户编号 shop_no C40；市场名称 market_name C100；经营品类 goods C60"), form="电子表格/xls", cycle="每半年"),
        entry("公安局", 101, "株洲市戒毒人员信息（示例）", "依法保密的戒毒人员信息，仅登记目录，不提供数据；本条为虚构示例。", "执法", "r",
              items("人员编号 person_no C40 *；登记日期 registered_on D"), cycle="不定期", grade=4, reason="戒毒人员戒毒的个人信息应当依法予以保密", law="《戒毒条例》第七条"),
    ]


def xiangtan(p):
    def lotus():
        rng = p.seeded("湘莲种植示例")
        for street in p.streets:
            yield [street["code"], street["name"], f"{rng.uniform(0, 4200):.1f}", rng.randrange(60, 140), f"{rng.uniform(18, 46):.2f}"]

    def water():
        rng = p.seeded("水情示例")
        start = datetime.datetime(2026, 7, 1, 8)
        for reading in range(20):
            for station in range(1, 10):
                yield [f"示例水文站{station}", (start + datetime.timedelta(hours=6 * reading)).strftime("%Y-%m-%d %H:%M:%S"), f"{rng.uniform(26, 41):.2f}", f"{rng.uniform(200, 9000):.1f}", rng.choice(["否", "否", "否", "是"])]

    def visitors():
        rng = p.seeded("红色景区客流示例")
        for i in range(120):
            yield [datetime.date(2026, 6, 1) + datetime.timedelta(days=i), f"示例景区{rng.randrange(1, 5)}", rng.randrange(800, 42000), rng.choice(["否", "否", "是"])]

    return [
        entry("农业农村局", 101, "湘潭市湘莲种植面积（示例）", "各乡镇街道湘莲种植面积和单产，区划取自公开资料，数值为虚构示例。", "农业", "u",
              items("区划代码 street_code C9；区划名称 street_name C40；种植面积亩 area B；亩产公斤 yield I；产地均价 price Y"), cycle="每年", is_open=True, related=[("民政局", 2)], rows=lotus),
        entry("文化旅游广电局", 101, "湘潭市红色旅游景区客流（示例）", "红色旅游景区每日接待人数，内容为虚构示例。", "公共服务", "u",
              items("日期 on_date D；景区名称 site_name C60；接待人数 visitors I；是否限流 limited L"), cycle="每日", is_open=True, rows=visitors),
        entry("水利局", 101, "湘潭市河道水情（示例）", "水文站的水位和流量，内容为虚构示例。", "应急", "u",
              items("站名 station C40；观测时间 measured_at T；水位米 level N6；流量立方米每秒 flow F；是否超警戒 above_alert L"), cycle="实时", is_open=True, rows=water),
        entry("水利局", 102, "湘潭市水库大坝安全鉴定（示例）", "水库大坝的安全鉴定结论，内容为虚构示例。", "应急", "c",
              items("水库编号 dam_no C40；水库名称 dam_name C100；鉴定结论 verdict C20；鉴定报告 report G r；巡查责任人 keeper_name C60 *"), form="电子文件/ofd", cycle="每年", grade=3, scope="长沙、株洲水利、应急管理部门", purpose="湘江流域联防联控"),
        entry("工业和信息化局", 101, "湘潭市钢铁企业能耗监测（示例）", "重点用能企业的小时能耗，以服务接口提供，内容为虚构示例。", "工业", "c",
              items("主体编号 entity_no C40；时段 period_from T；综合能耗吨标煤 energy F；碳排放吨 carbon F r"), form="服务接口", cycle="实时", grade=3, scope="省内工业和信息化、生态环境、发展改革部门", purpose="节能监察和碳排放核查"),
        entry("商务局", 101, "湘潭市综合保税区企业（示例）", "综合保税区入区企业，内容为虚构示例。", "贸易", "u",
              items("企业编号 entity_no C40；企业名称 entity_name C200；业务类型 business C40"), form="电子表格/xlsx", cycle="每季度"),
        entry("民政局", 101, "湘潭市收养登记（示例）", "依法保守秘密的收养登记，仅登记目录，不提供数据；本条为虚构示例。", "人口", "r",
              items("登记编号 registration_no C40 *；登记日期 registered_on D"), cycle="不定期", grade=4, reason="收养人、送养人要求保守收养秘密的，不得泄露", law="《中华人民共和国民法典》第一千一百一十条"),
    ]
