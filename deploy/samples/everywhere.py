"""Entries that each of the three cities keeps, besides those in make-samples.py. Names, cycles and sizes differ from city to city, as they do."""
import datetime

from entries import day, entry, items


def entries(p):
    s = p.short

    def insured():
        rng = p.seeded("医保参保示例")
        for i in range(1, p.of(220, 150, 110) + 1):
            name, document = p.person(i)
            yield [document, name, rng.choice(["职工医保", "居民医保", "居民医保"]), rng.choice(["正常参保", "正常参保", "正常参保", "暂停参保"]), p.county(rng)["code"],
                   day(rng, "2012-01-01", "2026-06-30"), rng.choice(["高血压", "糖尿病", "", "", "", ""])]

    def clinics():
        rng = p.seeded("医疗机构示例")
        for i in range(1, p.of(90, 60, 45) + 1):
            county = p.county(rng)
            yield [f"示例机构{p.division}{i:04d}", f"{county['name']}示例医院{i:02d}", rng.choice(["三级", "二级", "一级", "未定级"]), county["code"], f"示例路{rng.randrange(1, 300)}号", rng.choice(["是", "是", "否"])]

    def penalties():
        rng = p.seeded("行政处罚示例")
        for i in range(1, p.of(140, 120, 75) + 1):
            decided = day(rng, "2023-01-01", "2026-09-30")
            yield [f"示例罚决字〔{decided.year}〕{i:04d}号", f"{s}示例企业{rng.randrange(1, 160):03d}（示例）", rng.choice(["市场监管", "生态环境", "应急管理", "交通运输", "城市管理"]), rng.choice(["警告", "罚款", "罚款", "责令停产停业"]),
                   f"{rng.randrange(0, 200) * 500}.00", decided, rng.choice(["否", "否", "否", "是"])]

    def bus_cards():
        rng = p.seeded("公交卡优惠资格示例")
        for i in range(1, p.of(160, 130, 90) + 1):
            name, document = p.person(i * 3)
            kind = rng.choice(["老年人", "老年人", "残疾人", "退役军人", "学生"])
            yield [f"示例卡{p.division}{i:06d}", document, name, kind, rng.choice(["免费", "免费", "半价"]), day(rng, "2026-12-01", "2028-12-31")]

    def air():
        rng = p.seeded("空气质量示例")
        start = datetime.datetime(2026, 9, 1)
        for hour in range(p.of(48, 36, 24)):
            for station in range(1, p.of(7, 5, 5)):
                yield [f"示例站{station:02d}", (start + datetime.timedelta(hours=hour)).strftime("%Y-%m-%d %H:%M:%S"), rng.randrange(20, 120), f"{rng.uniform(6, 75):.1f}", f"{rng.uniform(15, 110):.1f}", f"{rng.uniform(20, 160):.1f}"]

    def shelters():
        rng = p.seeded("避难场所示例")
        for i in range(1, p.of(70, 48, 40) + 1):
            county = p.county(rng)
            yield [f"示例避难场所{i:03d}", county["code"], rng.choice(["公园", "学校操场", "体育场馆", "广场"]), rng.randrange(200, 12000, 50), f"{rng.uniform(800, 60000):.1f}", rng.choice(["是", "否"])]

    def schools():
        rng = p.seeded("学校名录示例")
        for i in range(1, p.of(120, 85, 64) + 1):
            county = p.county(rng)
            yield [f"示例校{p.division}{i:04d}", f"{county['name']}示例{rng.choice(['小学', '小学', '初级中学', '完全中学', '九年一贯制学校'])}{i:03d}", county["code"], rng.choice(["公办", "公办", "民办"]), rng.randrange(180, 4200)]

    def factories():
        rng = p.seeded("规上工业示例")
        for i in range(1, p.of(80, 95, 60) + 1):
            county = p.county(rng)
            yield [f"示例主体{p.division}{i:05d}", f"{s}示例工业企业{i:03d}（示例）", county["code"], rng.choice(p.of(["工程机械", "电子信息", "新材料"], ["轨道交通装备", "陶瓷", "航空动力"], ["钢铁", "新能源装备", "食品"])), rng.randrange(20, 6000), f"{rng.randrange(2000, 900000)}.00"]

    return [
        entry("医疗保障局", 2, p.of(f"{s}市基本医疗保险参保信息（示例）", f"{s}市医保参保人员登记（示例）", f"{s}市医疗保险参保情况（示例）"), "职工和居民基本医疗保险的参保状态，含敏感个人信息，内容为虚构示例。", "健康", "c",
              items("证件号码 document_no C30 *；姓名 person_name C60 *；参保险种 insurance_kind C20；参保状态 insured_state C10；参保区划代码 county_code C6；首次参保日期 insured_since D；门诊慢特病病种 chronic_disease C40 * r"),
              cycle=p.of("每日", "每月", "每周"), grade=4, scope="省内医疗保障、卫生健康、民政部门", purpose="医保关系转移接续、异地就医待遇核验和医疗救助对象认定", other="敏感个人信息须取得本人单独同意", related=[("医疗保障局", 1)], rows=insured),
        entry("医疗保障局", 3, f"{s}市医保{p.of('定点医药机构', '定点医疗机构', '定点机构')}名录（示例）", "医疗保障定点机构及其开通的异地就医服务，内容为虚构示例。", "健康", "u",
              items("机构编号 clinic_no C40；机构名称 clinic_name C200；定点类别 contract_kind C20；是否开通异地直接结算 cross_region L"), form="电子表格/xlsx", cycle="每季度", is_open=True, open_conditions="注明来源"),
        entry("市场监督管理局", 3, p.of(f"{s}市营业执照电子证照（示例）", f"{s}市电子营业执照信息核验（示例）", f"{s}市营业执照照面信息（示例）"), "营业执照照面信息的查询接口，供各部门免交证照，内容为虚构示例。", "法人", "u",
              items("统一社会信用代码 credit_code C18；名称 entity_name C200；类型 entity_kind C40；法定代表人 legal_person C60 * c；成立日期 founded_on D；照面文件 licence_file G c"),
              form="服务接口", cycle="实时", grade=2, reason="照面信息各部门均可调用；法定代表人姓名和照面文件限依申请办理的具体事项使用", related=[("市场监督管理局", 1)]),
        entry("发展和改革委员会", 1, p.of(f"{s}市行政处罚信用信息（示例）", f"{s}市双公示行政处罚信息（示例）", f"{s}市公共信用信息·行政处罚（示例）"), "信用部门归集的各领域行政处罚公示信息，供各部门查询，内容为虚构示例。", "信用", "u",
              items("决定书文号 decision_no C60；当事人名称 party_name C200；处罚领域 field_of_law C20；处罚种类 penalty_kind C20；罚款金额 fine Y；决定日期 decided_on D；是否已信用修复 repaired L"),
              cycle=p.of("每日", "每周", "每周"), is_open=True, open_conditions="公示期内", related=[("市场监督管理局", 2)], rows=penalties),
        entry("发展和改革委员会", 2, f"{s}市{p.of('宏观经济月度指标', '经济运行主要指标', '国民经济主要指标')}（示例）", "月度主要经济指标，尚未发布的初步数限条件共享，内容为虚构示例。", "宏观经济", "u",
              items("指标名称 indicator C60；统计月份 for_month C7；发布值 value N16；同比增幅 growth F；初步数 flash_value N16 c"), form="自描述格式/json", cycle=p.of("每月", "每月", "每季度"), grade=1, is_open=True,
              reason="初步数在正式发布前仅供发展改革、统计、财政部门研判使用"),
        entry("发展和改革委员会", 3, f"{s}市重点建设项目清单（示例）", "年度重点建设项目的投资和进度，内容为虚构示例。", "宏观经济", "c",
              items("项目代码 project_no C40；项目名称 project_name C200；总投资 total_investment Y；年度计划投资 planned Y r；形象进度 progress M"), form="电子表格/et", cycle="每半年", grade=2,
              scope="省内发展改革、自然资源、生态环境、住房城乡建设部门", purpose="要素保障和跨城市重大项目调度"),
        entry("发展和改革委员会", 4, p.of(f"{s}市中小微企业融资信用（示例）", f"{s}市企业融资信用画像（示例）", f"{s}市普惠金融信用信息（示例）"), "经授权归集的企业纳税、用电、社保缴纳等融资信用信息，内容为虚构示例。", "金融", "c",
              items("统一社会信用代码 credit_code C18；企业名称 entity_name C200；信用等级 credit_grade C4；授权状态 authorised L；近一年纳税额 tax_paid Y r"), form="数据库/dbf", cycle="每周", grade=3,
              scope="省内发展改革、金融管理部门", purpose="中小微企业融资增信", other="须经企业授权"),
        entry("交通运输局", 2, p.of(f"{s}市公交卡优惠资格（示例）", f"{s}市公交优惠乘车资格名单（示例）", f"{s}市公交卡优惠乘车资格（示例）"), "享受公交优惠乘车的人员和优惠类别，供长株潭公交一卡通互认，内容为虚构示例。", "公共服务", "c",
              items("卡号 card_no C30 *；证件号码 document_no C30 *；姓名 person_name C60 *；优惠类别 discount_kind C20 *；优惠方式 discount C10；有效期至 valid_until D"),
              cycle=p.of("每日", "每周", "每月"), grade=3, scope="其他城市交通运输、民政部门", purpose="优惠资格跨城互认和老年人、残疾人优待核验", related=[("交通运输局", 1)], rows=bus_cards),
        entry("交通运输局", 3, f"{s}市{p.of('城市快速路', '国省干线', '主要路口')}视频（示例）", "交通运行监测视频目录，内容为虚构示例。", "交通", "c",
              items("点位编号 camera_no C30；点位名称 camera_name C100；视频片段 clip G"), form="流媒体/mpg", cycle="实时", grade=3, scope="省内公安、应急管理部门", purpose="突发事件处置和跨城拥堵疏导", other="视频不得留存超过三十日"),
        entry("卫生健康委员会", 1, f"{s}市医疗卫生机构{p.of('名录', '基本信息', '一览表')}（示例）", "医院、基层医疗卫生机构的名称、等级和地址，内容为虚构示例。", "健康", "u",
              items("机构编号 clinic_no C40；机构名称 clinic_name C200；机构等级 clinic_level C10；区划代码 county_code C6；地址 address C200；是否设发热门诊 fever_clinic L"), cycle=p.of("每季度", "每半年", "每年"), is_open=True, related=[("医疗保障局", 3)], rows=clinics),
        entry("卫生健康委员会", 2, p.of(f"{s}市艾滋病病例管理（示例）", f"{s}市严重精神障碍患者管理（示例）", f"{s}市艾滋病病例随访（示例）"), "依法保密的病例信息，仅登记目录，不提供数据；本条为虚构示例。", "健康", "r",
              items("病例编号 case_no C40 *；登记日期 registered_on D"), cycle="不定期", grade=4, reason="依法应当保密，未经本人或者其监护人同意不得向任何单位提供",
              law=p.of("《艾滋病防治条例》第三十九条", "《中华人民共和国精神卫生法》第四条", "《艾滋病防治条例》第三十九条")),
        entry("卫生健康委员会", 3, f"{s}市出生医学证明{p.of('签发', '核验', '信息')}（示例）", "出生医学证明的签发信息，含未成年人个人信息，内容为虚构示例。", "人口", "c",
              items("证明编号 certificate_no C30 *；新生儿姓名 child_name C60 *；出生时间 born_at T *；母亲证件号码 mother_document_no C30 *；签发机构 issued_by C200"), form="服务接口", cycle="实时", grade=4,
              scope="省内公安、医疗保障、人力资源社会保障部门", purpose="新生儿落户、参保和社会保障卡申领一件事联办"),
        entry("民政局", 4, f"{s}市婚姻登记{p.of('', '核验', '信息')}（示例）", "结婚、离婚登记结果的核验接口，内容为虚构示例。", "人口", "c",
              items("证件号码 document_no C30 *；姓名 person_name C60 *；婚姻状态 marital_state C10 *；登记日期 registered_on D *；离婚协议 divorce_agreement M * r"), form="服务接口", cycle="实时", grade=4,
              scope="省内公积金、自然资源、公安、住房城乡建设部门", purpose="购房、公积金贷款和落户时核验婚姻状况"),
        entry("生态环境局", 1, p.of(f"{s}市环境空气质量小时值（示例）", f"{s}市空气质量自动监测数据（示例）", f"{s}市大气环境监测站点数据（示例）"), "空气质量自动监测站的小时浓度，内容为虚构示例。", "生态", "u",
              items("站点名称 station C40；监测时间 measured_at T；空气质量指数 aqi I；细颗粒物 pm25 F；可吸入颗粒物 pm10 F；臭氧 ozone B"), cycle=p.of("实时", "每日", "每日"), is_open=True, rows=air),
        entry("生态环境局", 2, f"{s}市排污许可{p.of('', '证', '管理')}信息（示例）", "持证单位和许可排放量；联系人信息限条件共享，内容为虚构示例。", "审批", "u",
              items("许可证编号 permit_no C40；单位名称 holder_name C200；许可排放量 allowed N12；有效期至 valid_until D；环保联系人 contact_name C60 * c；联系电话 contact_phone C20 * c"), form="电子表格/xlsx", cycle="每月", grade=2, is_open=False,
              reason="联系人和电话仅供生态环境、应急管理部门联合执法使用"),
        entry("农业农村局", 1, f"{s}市{p.of('主要农产品批发价格', '农产品产地价格', '农产品市场行情')}（示例）", "主要农产品的每周平均价格，内容为虚构示例。", "农业", "u",
              items("品名 product C40；周次 for_week C8；均价 price Y；计量单位 unit C10"), form="自描述格式/xml", cycle="每周", is_open=True),
        entry("农业农村局", 2, f"{s}市高标准农田{p.of('图斑', '建设项目图斑', '分布')}（示例）", "高标准农田的位置和面积，内容为虚构示例。", "农业", "c",
              items("图斑编号 plot_no C40；所在区划代码 county_code C6；面积亩 area F；边界 boundary G r"), form="图形图像/jpg", cycle="每年", grade=3, scope="省内自然资源、水利、农业农村部门", purpose="耕地保护和项目验收核查"),
        entry("工业和信息化局", 1, p.of(f"{s}市规模以上工业企业名录（示例）", f"{s}市规上工业企业信息（示例）", f"{s}市规模工业企业一览（示例）"), "规模以上工业企业的行业和用工；年产值限条件共享，内容为虚构示例。", "工业", "u",
              items("主体编号 entity_no C40；企业名称 entity_name C200；所在区划代码 county_code C6；所属行业 branch C40；用工人数 workers I；年产值万元 output Y c"), cycle=p.of("每半年", "每季度", "每年"), grade=2,
              reason="年产值仅供工业和信息化、统计、财政部门汇总分析，不得披露单个企业数据", related=[("市场监督管理局", 1)], rows=factories),
        entry("商务局", 1, f"{s}市{p.of('外贸进出口企业', '对外贸易经营者', '外贸企业')}备案（示例）", "对外贸易经营者的备案信息，以电子表格提供，内容为虚构示例。", "贸易", "u",
              items("备案编号 filing_no C40；企业名称 entity_name C200；主要市场 market C60；备案日期 filed_on D"), form="电子表格/xls", cycle=p.of("每月", "每季度", "每半年")),
        entry("商务局", 2, f"{s}市{p.of('成品油零售网点', '二手车交易市场', '家政服务企业信用')}（示例）", "商贸流通领域的经营网点和企业，内容为虚构示例。", "贸易", "c",
              items("网点编号 outlet_no C40；网点名称 outlet_name C200；负责人 manager_name C60 *；月销量 sales N12"), form="数据库/access", cycle="每季度", grade=2, scope="省内商务、市场监管、税务部门", purpose="市场秩序联合监管"),
        entry("应急管理局", 1, f"{s}市{p.of('应急避难场所', '避难场所分布', '应急避险场所')}（示例）", "应急避难场所的位置、容量和面积，内容为虚构示例。", "应急", "u",
              items("场所名称 shelter_name C100；区划代码 county_code C6；场所类型 shelter_kind C20；可容纳人数 capacity I；有效面积平方米 area B；是否无障碍 accessible L"), cycle="每年", is_open=True, rows=shelters),
        entry("应急管理局", 2, f"{s}市{p.of('重大危险源分布', '危险化学品重大危险源', '重大危险源企业')}（示例）", "重大危险源的位置、等级和物质，列入重要数据，内容为虚构示例。", "应急", "c",
              items("危险源编号 hazard_no C40；所在单位 holder_name C200；危险源级别 hazard_level C4；物质 substance C60 r；经度 longitude B r；纬度 latitude B r；应急联系电话 contact_phone C20 *"), form="数据库/dm", cycle="每季度", grade=5, classification="重要数据",
              scope="省内应急管理、公安、生态环境部门", purpose="跨区域事故应急处置", other="重要数据，提供前须作风险评估，专人专机使用"),
        entry("住房和城乡建设局", 1, p.of(f"{s}市商品房买卖合同网签备案（示例）", f"{s}市新建商品房网签（示例）", f"{s}市房屋交易网签备案（示例）"), "商品房买卖合同的网签备案结果，内容为虚构示例。", "住房", "c",
              items("合同编号 contract_no C40；买受人姓名 buyer_name C60 *；证件号码 document_no C30 *；房屋坐落 location C200 *；建筑面积 area F；成交总价 price Y * r；备案日期 filed_on D"), form="服务接口", cycle="实时", grade=3,
              scope="省内公积金、税务、自然资源、人力资源社会保障部门", purpose="异地购房提取公积金、契税申报和人才购房资格核验", related=[("自然资源和规划局", 1)]),
        entry("住房和城乡建设局", 2, f"{s}市历史建筑{p.of('影像', '图像', '照片')}档案（示例）", "已公布的历史建筑的存档照片，不再更新，内容为虚构示例。", "公共服务", "u",
              items("建筑编号 building_no C40；建筑名称 building_name C100；拍摄日期 taken_on D；影像 picture G"), form="图形图像/jpg", cycle="历史数据", is_open=True, open_conditions="署名使用"),
        entry("教育局", 2, f"{s}市{p.of('中小学校名录', '义务教育学校名单', '中小学校基本情况')}（示例）", "中小学校的名称、办学性质和在校生数，内容为虚构示例。", "教育", "u",
              items("学校标识 school_no C40；学校名称 school_name C200；区划代码 county_code C6；办学性质 ownership C10；在校生数 pupils I"), cycle=p.of("每年", "每半年", "每年"), is_open=True, related=[("教育局", 1)], rows=schools),
        entry("人力资源和社会保障局", 3, p.of(f"{s}市就业失业登记（示例）", f"{s}市失业人员登记（示例）", f"{s}市劳动者就业登记（示例）"), "劳动者就业、失业登记状态，内容为虚构示例。", "社会保障", "c",
              items("证件号码 document_no C30 *；姓名 person_name C60 *；就业状态 work_state C10 *；登记日期 registered_on D"), form="服务接口", cycle="每日", grade=3, scope="省内人力资源社会保障、民政、税务部门", purpose="就业援助、社会救助和创业扶持对象核验"),
        entry("自然资源和规划局", 2, f"{s}市{p.of('基础地理影像', '卫星影像', '正射影像')}（示例）", "分幅影像目录，内容为虚构示例。", "自然资源和空间地理", "c",
              items("图幅号 sheet_no C40；分辨率米 resolution F；成像日期 taken_on D；影像文件 picture G"), form="图形图像/bmp", cycle="每半年", grade=3, scope="省内自然资源、应急管理、水利部门", purpose="国土变更调查和防灾减灾"),
        entry("住房公积金管理中心", 2, f"{s}市公积金{p.of('服务网点', '业务网点', '办理窗口')}（示例）", "服务网点的地址和办理事项，以电子文件提供，内容为虚构示例。", "公共服务", "u",
              items("网点名称 office_name C100；地址 address C200；是否办理异地业务 cross_city L"), form="电子文件/html", cycle="不定期", is_open=True),
    ]
